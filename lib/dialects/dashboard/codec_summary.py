"""Dashboard codec: summaries of a tree or a piece of hardware (kcidb.md 4.5). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lib.dialects.dashboard.codec import Wire, encode_checkout, encode_tags, sorted_names
from lib.domain.dashboard.hardware import HardwareResults
from lib.domain.dashboard.row import IssueKey
from lib.domain.dashboard.summary import BuildPart, FilterOptions, ResultSummary, Summary, TestPart
from lib.domain.dashboard.tally import StatusTally
from lib.domain.report.report import Fields

Issues = Mapping[IssueKey, Fields]


def encode_issue_refs(tallies: Mapping[IssueKey, StatusTally], issues: Issues) -> list[Wire]:
    """Issues as results refer to them, by id and version. Of one that nobody told of yet, there is only that."""
    return [
        {
            "id": key[0],
            "version": key[1],
            "comment": issues.get(key, {}).get("comment"),
            "report_url": issues.get(key, {}).get("report_url"),
            "incidents_info": tallies[key],
        }
        for key in sorted(tallies)
    ]


def encode_summary(summary: Summary, issues: Issues) -> Wire:
    """The `summary` and `filters` of an answer."""
    return {
        "summary": {
            "builds": _builds(summary.builds, issues),
            "boots": _tests(summary.boots, issues),
            "tests": _tests(summary.tests, issues),
        },
        "filters": {
            "all": {
                "configs": sorted_names(summary.configs),
                "architectures": sorted_names(summary.architectures),
                "compilers": sorted_names(summary.compilers),
            },
            "builds": _options(summary.build_options),
            "boots": {**_options(summary.boot_options), "platforms": sorted_names(summary.boot_options.platforms)},
            "tests": {**_options(summary.test_options), "platforms": sorted_names(summary.test_options.platforms)},
        },
    }


def encode_tree_common(summary: Summary, checkout: Fields) -> Wire:
    """What a tree's summary says of the checkout."""
    return {
        "hardware": sorted_names(summary.hardware),
        "tree_url": checkout.get("git_repository_url"),
        "git_commit_tags": encode_tags(checkout),
    }


def encode_hardware_common(bench: HardwareResults) -> Wire:
    """What a summary says of the hardware: which trees ran there."""
    trees = []
    for index, tree in enumerate(bench.trees):
        named = encode_checkout(tree.head)
        trees.append({
            "index": str(index),
            "tree_name": named["tree_name"],
            "git_repository_url": named["git_repository_url"],
            "git_repository_branch": named["git_repository_branch"],
            "head_git_commit_hash": named["git_commit_hash"],
            "head_git_commit_name": named["git_commit_name"],
            "head_git_commit_tag": encode_tags(tree.head),
            "origin": tree.head["origin"],
            "is_selected": tree.commit is not None,
            "selected_commit_status": {
                "builds": tree.counts.builds, "boots": tree.counts.boots, "tests": tree.counts.tests,
            },
        })  # fmt: skip
    return {"trees": trees, "compatibles": bench.compatibles}


def _part(part: ResultSummary, issues: Issues) -> Wire:
    return {
        "status": part.status,
        "origins": part.origins,
        "configs": part.configs,
        "labs": part.labs,
        "issues": encode_issue_refs(part.issues, issues),
        "unknown_issues": part.unknown_issues,
    }


def _builds(part: BuildPart, issues: Issues) -> Wire:
    architectures = {
        name: {**tally, "compilers": sorted_names(part.compilers[name])} for name, tally in part.architectures.items()
    }
    return {**_part(part, issues), "architectures": architectures}


def _tests(part: TestPart, issues: Issues) -> Wire:
    return {
        **_part(part, issues),
        "architectures": [
            {"arch": arch, "compiler": compiler, "status": part.architectures[arch, compiler]}
            for arch, compiler in sorted(part.architectures)
        ],
        "fail_reasons": part.reasons,
        "failed_platforms": sorted_names(part.failed_platforms),
        "platforms": part.platforms,
        "environment_compatible": part.compatibles,
        "environment_misc": part.platforms,
    }


def _options(options: FilterOptions) -> Wire:
    return {
        "issues": [list(key) for key in sorted(options.issues)],
        "origins": sorted(options.origins),
        "has_unknown_issue": options.has_unknown_issue,
        "labs": sorted_names(options.labs),
    }
