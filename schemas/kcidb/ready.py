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
    """A purpose. `lasting`: an object that is ready stays so, since nothing is asked but that fields are given."""

    builtin: bool
    lasting: bool


class PurposesOut(BaseModel):
    """All purposes, those of every hub first."""

    purposes: list[PurposeOut]


class MissingOut(BaseModel):
    """What is missing: of which field (`build.config_name`: of the object above), in words; `ready_at`: when time alone
    will have brought it."""

    field: str
    what: str
    ready_at: str | None = None


class ReadyOut(BaseModel):
    """How far an object is for one purpose. `fired`: when the first watch was told."""

    name: str
    ready: bool
    by_timeout: bool
    missing: list[MissingOut]
    fired: str | None


class ReadinessOut(BaseModel):
    """What an object is ready for."""

    kind: str
    id: str
    version: int | None = None
    purposes: list[ReadyOut]


class ActionIn(BaseModel):
    """What to do beside the event that every watch writes: exactly one of the three."""

    model_config = ConfigDict(extra="forbid", strict=True)

    event: bool | None = None
    mail: str | None = None
    webhook: str | None = None
    secret: str | None = None

    @model_validator(mode="after")
    def check_one(self) -> ActionIn:
        """Refuse none and several."""
        if [self.event is True, self.mail is not None, self.webhook is not None].count(True) != 1:
            raise ValueError("must be one of event (true), mail and webhook")
        if self.secret is not None and self.webhook is None:
            raise ValueError("a secret signs the calls of a webhook")
        return self


class WatchIn(BaseModel):
    """A watch to make. `filter`: path → a value, or a list of which any will do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    purpose: str
    filter: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    action: ActionIn


class TroubleOut(BaseModel):
    """What went wrong last with the watch's deliveries, and until when it rests; null once one succeeded."""

    at: str
    what: str
    until: str


class WatchStateOut(BaseModel):
    """How many objects the watch was told of, and how many deliveries wait or were given up."""

    fired: int
    waiting: int
    failed: int


class ActionOut(BaseModel):
    """The action of a watch; whether there is a secret, never the secret. Of a webhook of somebody else only where it
    leads, not the path, which may hold one."""

    event: bool | None = None
    mail: str | None = None
    webhook: str | None = None
    secret: bool | None = None


class WatchOut(BaseModel):
    """A watch. `state` is given where one watch is read."""

    id: str
    user: str
    purpose: str
    filter: dict[str, list[Scalar]]
    action: ActionOut
    created: str
    trouble: TroubleOut | None
    state: WatchStateOut | None = None


class WatchesOut(BaseModel):
    """The caller's watches, oldest first; all, for an administrator."""

    watches: list[WatchOut]
