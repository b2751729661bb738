"""KCIDB wire models of purposes, readiness and watches (kcidb.md 4.4)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Scalar = bool | int | str


class PurposeIn(BaseModel):
    """A purpose to define. Its conditions by kind have the forms that `docs/kcidb-readiness.md` shows."""

    name: str
    about: str = ""
    settle_s: int | None = None
    needs: dict[str, list[dict[str, Any]]]


class PurposeOut(PurposeIn):
    """A purpose. `lasting`: an object that is ready stays ready, since the purpose only requires that fields are
    given."""

    builtin: bool
    lasting: bool


class PurposesOut(BaseModel):
    """All purposes, the built-in ones first."""

    purposes: list[PurposeOut]


class MissingOut(BaseModel):
    """A missing condition: the field (`build.config_name`: a field of the parent) and a text. `ready_at`: the instant
    at which time alone will meet it."""

    field: str
    what: str
    ready_at: str | None = None


class ReadyOut(BaseModel):
    """The readiness of an object for one purpose. `fired`: the instant of the first notification of a watch."""

    name: str
    ready: bool
    by_timeout: bool
    missing: list[MissingOut]
    fired: str | None


class ReadinessOut(BaseModel):
    """The readiness of an object for all purposes."""

    kind: str
    id: str
    version: int | None = None
    purposes: list[ReadyOut]


class ActionIn(BaseModel):
    """The action beside the event that every watch writes: exactly one of the three."""

    model_config = ConfigDict(extra="forbid", strict=True)

    event: bool | None = None
    mail: str | None = None
    webhook: str | None = None
    secret: str | None = None

    @model_validator(mode="after")
    def check_one(self) -> ActionIn:
        """Raise for no action and for several."""
        if [self.event is True, self.mail is not None, self.webhook is not None].count(True) != 1:
            raise ValueError("must be one of event (true), mail and webhook")
        if self.secret is not None and self.webhook is None:
            raise ValueError("a secret signs the calls of a webhook")
        return self


class WatchIn(BaseModel):
    """A watch to create. `filter`: path → a value, or a list of values of which one must match."""

    model_config = ConfigDict(extra="forbid", strict=True)

    purpose: str
    filter: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    action: ActionIn


class TroubleOut(BaseModel):
    """The last failure of the watch's deliveries, and the instant until which the watch pauses; null after a
    success."""

    at: str
    what: str
    until: str


class WatchStateOut(BaseModel):
    """The number of notified objects, of waiting deliveries, and of deliveries that were given up."""

    fired: int
    waiting: int
    failed: int


class ActionOut(BaseModel):
    """The action of a watch. `secret` states whether there is one, never its value. Of another user's webhook only the
    host is shown, not the path, which may hold a secret."""

    event: bool | None = None
    mail: str | None = None
    webhook: str | None = None
    secret: bool | None = None


class WatchOut(BaseModel):
    """A watch. `state` is present when a single watch is read."""

    id: str
    user: str
    purpose: str
    filter: dict[str, list[Scalar]]
    action: ActionOut
    created: str
    trouble: TroubleOut | None
    state: WatchStateOut | None = None


class WatchesOut(BaseModel):
    """The caller's watches, oldest first; for an administrator all watches."""

    watches: list[WatchOut]
