"""Look at configuration, machine and gateway, and say what to tick."""

import asyncio
import sys

from ibkr_connector import Settings
from ibkr_connector.doctor import Health, doctor, is_well
from ibkr_connector.settings import setting_sources


async def main(port: int) -> None:
    settings = Settings.load(port=port)
    for row in setting_sources(settings):
        if row.source != "default":
            print(row.key, "comes from", row.source)

    findings = await doctor(settings)
    for finding in findings:
        if finding.health is not Health.OK:
            print(finding.check, finding.seen, "->", finding.remedy)
    print("well" if is_well(findings) else "not well")


asyncio.run(main(int(sys.argv[1])))
