"""What the dashboard says when there is nothing: HTTP 200 and one of these texts, to the letter (kcidb.md 4.5)."""

from __future__ import annotations

from lib.dialects.wire import Reply, reply_json

TREES = "No trees were found"
RESULTS = "No results available for this tree/branch/commit"
BUILDS = "No builds available for this tree/branch/commit"
HISTORY = "History of tree commits not found"
TREE = "Tree not found in the given interval"
TEST = "Test not found"
BUILD = "Build not found"
ISSUE = "Issue not found"
ISSUES = "No issues found"
TEST_ISSUES = "No issues were found for this test"
BUILD_ISSUES = "No issues found for this build"
ISSUE_BUILDS = "No builds found for this issue"
ISSUE_TESTS = "No tests found for this issue"
HARDWARES = "No hardware found"
HARDWARE = "Hardware not found"
HARDWARE_TESTS = "No tests found for this hardware"
ORIGINS = "No origins found"
TEST_HISTORY = "Test status history not found"


def nothing(text: str) -> Reply:
    """The reply that there is nothing."""
    return reply_json({"error": text})
