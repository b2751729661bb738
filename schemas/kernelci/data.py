"""KernelCI node data: the content of `data`, by kind (kernelci.md 4.2).

These models only validate. The hub stores the data as the client sent it, with unknown keys and without omitted ones,
so it never stores a value of these models. Called by `lib.dialects.kernelci.codec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, StringConstraints

NodeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{24}$", to_lower=True)]
"""An id: 24 hex digits, lower case inside."""
StrictInt = Annotated[int, Field(strict=True)]
Text = str | None

ErrorCode = Literal[
    "invalid_job_params",
    "submit_error",
    "node_timeout",
    "Infrastructure",
    "Canceled",
    "Job",
    "Bug",
    "Test",
    "Configuration",
    "LAVATimeout",
    "MultinodeTimeout",
    "ObjectNotPersisted",
    "Unexisting permission codename.",
    "job_generation_error",
    "kbuild_internal_error",
]
CheckoutErrorCode = Literal["node_timeout", "git_checkout_failure"]


class Data(BaseModel):
    """Free-form data: any further key is allowed and kept."""

    model_config = ConfigDict(extra="ignore")


class Version(Data):
    """A kernel version. Texts of digits count as numbers in `kernel_revision` alone."""

    version: StrictInt
    patchlevel: StrictInt
    sublevel: StrictInt | None = None
    extra: Text = None
    name: Text = None


class Revision(Data):
    """The checked-out revision. `url` may have any scheme, `git@host:path` included, so it is plain text."""

    tree: str
    url: str
    branch: str
    commit: str
    describe: Text = None
    version: Version | None = None
    patchset: Text = None
    commit_message: Text = None
    commit_tags: list[str] | None = []
    tip_of_branch: bool | None = None


class CheckoutData(Data):
    """Data of a checkout."""

    kernel_revision: Revision | None = None
    error_code: CheckoutErrorCode | None = None
    error_msg: Text = None
    architecture_filter: list[str] | None = None


class _Built(Data):
    """Fields of all nodes below a checkout."""

    error_code: ErrorCode | None = None
    error_msg: Text = None
    arch: Text = None
    defconfig: Text = None
    config_full: Text = None
    compiler: Text = None
    platform: Text = None


class KbuildData(_Built):
    """Data of a kernel build."""

    kernel_revision: Revision | None = None
    fragments: list[str] | None = None
    runtime: Text = None
    job_id: Text = None
    job_context: Text = None
    kernel_type: Text = None
    regression: NodeId | None = None


class RunData(_Built):
    """Data of a job and of a test."""

    kernel_revision: Revision | None = None
    test_source: AnyUrl | None = None
    test_revision: Revision | None = None
    device: Text = None
    runtime: Text = None
    job_id: Text = None
    job_context: Text = None
    regression: NodeId | None = None
    kernel_type: Text = None
    misc: dict[str, Any] | None = {}


class RegressionData(_Built):
    """Data of a regression: the node that fails, the last that passed, and those between."""

    fail_node: NodeId | None = None
    pass_node: NodeId | None = None
    node_sequence: list[NodeId] | None = None
    failed_kernel_revision: Revision | None = None
    device: Text = None


DATA: Mapping[str, type[Data] | None] = {
    "checkout": CheckoutData,
    "kbuild": KbuildData,
    "job": RunData,
    "test": RunData,
    "regression": RegressionData,
    "process": None,
}
"""The data model of each kind; None where any value is valid, null included."""
