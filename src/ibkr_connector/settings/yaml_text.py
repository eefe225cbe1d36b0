"""The text of a YAML file: every scalar stays text, and what is ambiguous is refused."""

from __future__ import annotations

from typing import Any

import yaml

from ibkr_connector.errors import ConfigurationError

__all__ = ["parse_yaml"]


def parse_yaml(name: str, text: str) -> Any:
    """
    Parse the text of the file of a name.

    Raises:
        ConfigurationError: It is no YAML, a key stands twice, or one text stands for another.
    """
    try:
        # BaseLoader makes text of every scalar and builds nothing else
        return yaml.load(text, _UniqueKeys)
    except (yaml.YAMLError, RecursionError) as error:
        raise _yaml_mistake(name, text, error) from error


def _yaml_mistake(name: str, text: str, error: Exception) -> ConfigurationError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = name if mark is None else f"{name}, line {mark.line + 1}"
    if isinstance(error, _Refused):
        return ConfigurationError(f"cannot read {where}: {error.said}", hint=error.remedy)
    if mark is not None and "\t" in _indent(text, mark.line):
        return ConfigurationError(
            f"cannot read {where}: it is indented with a tab",
            hint="indent with spaces: YAML knows no tabs",
        )
    problem = getattr(error, "problem", None) or type(error).__name__
    return ConfigurationError(
        f"cannot read {where}: {' '.join(str(problem).split())}",
        hint="look at that line and the one above: a colon, a bracket or a quote is missing "
        "or too many",
    )


def _indent(text: str, line: int) -> str:
    lines = text.splitlines()
    found = lines[line] if line < len(lines) else ""
    return found[: len(found) - len(found.lstrip())]


class _Refused(yaml.constructor.ConstructorError):
    """What YAML allows and these files do not."""

    def __init__(self, said: str, remedy: str, mark: yaml.Mark) -> None:
        super().__init__(None, None, said, mark)
        self.said = said
        self.remedy = remedy


class _UniqueKeys(yaml.BaseLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # its stubs leave it out
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            # one limit that stands for two is read past by whoever changes it, and a few lines
            # of aliases can mean gigabytes
            raise _Refused(
                "anchors (&name) and aliases (*name) are not taken",
                "write the value where it is meant; text that starts with & or * needs quotes",
                event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for name, _ in node.value:
            key = self.construct_object(name, deep=True)
            if not isinstance(key, str):
                raise _Refused(
                    "a name is a list or a mapping", "write `name: value`", name.start_mark
                )
            if key in seen:
                raise _Refused(f"the key {key!r} stands twice", "keep one of them", name.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)
