"""KernelCI codec of users and groups (kernelci.md 2.2 and 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from lib.dialects.kernelci.codec import Wire, keys_of
from lib.dialects.wire import Request, decode_pairs, parse
from lib.domain.account.account import Group, User
from schemas.kernelci.body import UserEdit, UserItem, UserRead

M = TypeVar("M", bound=BaseModel)

USER_KEYS = keys_of(UserRead)
USER_ITEM_KEYS = ("id", "revision_id", *(k for k in keys_of(UserItem) if k not in ("id", "revision_id")))


def decode_form(request: Request, model: type[M]) -> M:
    """A form as a wire model. A body of any other type has none of its fields, so Malformed names them (422)."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = content_type == "application/x-www-form-urlencoded"
    return parse(model, dict(decode_pairs(request.body.decode(errors="replace"))) if is_form else {})


def encode_user(user: User) -> Wire:
    """A user as others see it, in the wire's order of keys; never a hash."""
    return {key: getattr(user, key) for key in USER_KEYS}


def encode_user_doc(body: Mapping[str, Any]) -> Wire:
    """A stored user body as an item of a list (kernelci.md 2.2, GET users)."""
    return {key: body.get(key) for key in USER_ITEM_KEYS}


def decode_user_edit(edit: UserEdit) -> dict[str, Any]:
    """The changes of a user that were given; null is none."""
    return {key: value for key in edit.model_fields_set if (value := getattr(edit, key)) is not None}


def encode_group(group: Group) -> Wire:
    """A group of users."""
    return {"id": group.id, "name": group.name}


def encode_group_doc(body: Mapping[str, Any]) -> Wire:
    """A stored group body as an item of a list."""
    return {"id": body["id"], "name": body["name"]}


def encode_group_made(group: Group) -> Wire:
    """A group as its creation shows it: `id` last."""
    return {"name": group.name, "id": group.id}
