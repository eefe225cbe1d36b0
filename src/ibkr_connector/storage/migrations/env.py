"""How Alembic runs the steps: on the connection that `Database` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from ibkr_connector.storage.schema import METADATA, VERSIONS

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSIONS,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
