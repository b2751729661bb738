"""KCIDB's schema as JSON Schema, draft 7, made from the tables (kcidb.md 1). Published under `/schema/v5.3` and so on.

A schema of 5.1 takes documents of 5.0 too: within a major, each version adds to the one before.
"""

from __future__ import annotations

from typing import Any

from schemas.kcidb.field import FieldSpec, Flag, Free, List, Number, Struct, Text, Type, shown
from schemas.kcidb.version import WHOLE_MAX, versions

Schema = dict[str, Any]


def json_schema(version: tuple[int, int]) -> Schema:
    """The JSON Schema of a version. Raises KeyError for an unknown version."""
    kinds = versions()[version]
    major, minor = version
    definitions: Schema = {}
    lists = {kind: {"type": "array", "items": _refer(struct, definitions)} for kind, struct in kinds.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"KCIDB I/O {major}.{minor}",
        "description": "Results of CI systems for the Linux kernel",
        "type": "object",
        "properties": {"version": _version(major, minor), **lists},
        "required": ["version"],
        "additionalProperties": False,
        "definitions": definitions,
    }


def _version(major: int, minor: int) -> Schema:
    minors: Schema = {"type": "integer", "minimum": 0, "maximum": minor}
    if major == 1:  # there is no 1.0; in 1.1 the version may also be a text
        minors["minimum"] = minor
    numbers: Schema = {
        "type": "object",
        "properties": {"major": {"const": major}, "minor": minors},
        "required": ["major", "minor"] if major == 1 else ["major"],
        "additionalProperties": False,
    }
    return {"oneOf": [numbers, {"const": "1"}]} if major == 1 else numbers


def _refer(struct: Struct, definitions: Schema) -> Schema:
    """A reference to an object's definition, which is added if it is missing."""
    if struct.name not in definitions:
        definitions[struct.name] = {}  # reserves its place before the definitions that it refers to
        definitions[struct.name] = {
            "type": "object",
            "properties": {name: _property(field, definitions) for name, field in shown(struct)},
            "required": [name for name, field in shown(struct) if field.is_required],
            "additionalProperties": False,
        }
    return {"$ref": f"#/definitions/{struct.name}"}


def _property(field: FieldSpec, definitions: Schema) -> Schema:
    described = _value(field.type, definitions)
    # Draft 7 ignores members beside a reference.
    return described if "$ref" in described else {**described, "description": field.note}


def _value(type_: Type, definitions: Schema) -> Schema:
    match type_:
        case Struct():
            return _refer(type_, definitions)
        case List():
            return {"type": "array", "items": _value(type_.of, definitions)}
        case Free():
            return {"type": "object"}
        case Flag():
            return {"type": "boolean"}
        case Number():
            return {"type": "integer", "minimum": 0, "maximum": WHOLE_MAX} if type_.is_whole else {"type": "number"}
        case Text():
            return _text(type_)


def _text(type_: Text) -> Schema:
    """A text. A pattern must match the whole text: `$` is the very end in ECMAScript, the pattern language of JSON
    Schema."""
    words: Schema = {"type": "string"}
    if type_.values:
        words["enum"] = list(type_.values)
    if type_.pattern:
        words["pattern"] = f"^{type_.pattern}$"
    if type_.format:
        words["format"] = type_.format
    if type_.chars_max is not None:
        words["maxLength"] = type_.chars_max
    return words
