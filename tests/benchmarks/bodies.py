"""What a CI system sends: nodes as bodies of POST and PUT, and trees of them, the same ones in every run."""

from __future__ import annotations

import random
from typing import Any

Body = dict[str, Any]

TREES = (
    ("mainline", "master"),
    ("next", "master"),
    ("stable-rc", "linux-6.12.y"),
    ("stable-rc", "linux-6.6.y"),
    ("media", "fixes"),
    ("netdev-testing", "main"),
    ("android", "android-mainline"),
    ("chromiumos", "for-kernelci"),
)
COMPILERS = ("gcc-12", "clang-17")
ARCHES = ("x86", "arm64", "arm", "riscv", "mips")
PLATFORMS = ("qemu-x86", "bcm2711-rpi-4-b", "sun50i-h6-pine-h64", "hp-x360-14a-cb0001xx-zork", "mt8183-kukui-jacuzzi")
RUNTIMES = ("lava-collabora", "lava-broonie", "k8s-all", "lava-baylibre")
SUITES = ("baseline", "kselftest-dt", "ltp-smoke", "kunit", "tast-decoder", "fluster-v4l2")
JOBS_A_KBUILD = 6
TESTS_A_JOB = 12
STORAGE = "https://files.kernelci.org"


def revision(number: int) -> Body:
    """The revision of the checkout of this number."""
    tree, branch = TREES[number % len(TREES)]
    return {
        "tree": tree,
        "url": "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git",
        "branch": branch,
        "commit": f"{number * 0x9E3779B97F4A7C15 % 16**40:040x}",
        "describe": f"v6.12-rc4-{number}-g{number * 0x9E3779B97F4A7C15 % 16**12:012x}",
        "version": {"version": 6, "patchlevel": 12, "extra": f"-rc4-{number}"},
    }


def checkout(number: int) -> Body:
    """A checkout, to be POSTed."""
    return {
        "kind": "checkout",
        "name": "checkout",
        "path": ["checkout"],
        "data": {"kernel_revision": revision(number)},
        "artifacts": {"tarball": f"{STORAGE}/linux-{number}.tar.gz"},
    }


def kbuild(number: int, index: int) -> Body:
    """One build of a checkout."""
    name = f"kbuild-{COMPILERS[index % 2]}-{ARCHES[index % 5]}"
    data = {
        "kernel_revision": revision(number),
        "arch": ARCHES[index % 5],
        "compiler": COMPILERS[index % 2],
        "defconfig": "defconfig",
        "fragments": ["preempt_rt", "lab-setup"],
        "runtime": "k8s-all",
        "job_id": f"kci-{number}-{index}",
    }
    place = f"{STORAGE}/{name}-{number}"
    artifacts = {"kernel": f"{place}/bzImage", "modules": f"{place}/modules.tar.xz", "build_log": f"{place}/build.log"}
    return {
        "kind": "kbuild",
        "name": name,
        "path": ["checkout", name],
        "group": name,
        "data": data,
        "artifacts": artifacts,
    }


def job(number: int, index: int, path: list[str]) -> Body:
    """One job of a build: about 1 kB as JSON."""
    name = f"{SUITES[index % 6]}-{ARCHES[index % 5]}"
    data = {
        "kernel_revision": revision(number),
        "arch": ARCHES[index % 5],
        "compiler": COMPILERS[index % 2],
        "defconfig": "defconfig",
        "platform": PLATFORMS[index % 5],
        "device": f"{PLATFORMS[index % 5]}-{index % 9}",
        "runtime": RUNTIMES[index % 4],
        "job_id": f"{number * 1000 + index}",
        "job_context": "https://lava.example.org",
        "test_source": "https://github.com/kernelci/bootrr.git",
        "kernel_type": "image",
    }
    artifacts = {"lava_log": f"{STORAGE}/{name}-{number}/log.txt.gz", "job_txt": f"{STORAGE}/{name}-{number}/job.txt"}
    return {
        "kind": "job",
        "name": name,
        "path": [*path, name],
        "group": name,
        "data": data,
        "artifacts": artifacts,
        "platform_filter": [],
    }


def test(number: int, index: int, path: list[str]) -> Body:
    """One finished test of a job."""
    name = f"test-{index}"
    data = {
        "kernel_revision": revision(number),
        "arch": ARCHES[index % 5],
        "platform": PLATFORMS[index % 5],
        "runtime": RUNTIMES[index % 4],
    }
    return {"kind": "test", "name": name, "path": [*path, name], "group": path[-1], "data": data, **_outcome(index)}


def job_tree(number: int, children: int) -> Body:
    """A job with its tests as one hierarchy, to be PUT on a job that was POSTed before."""
    root = job(number, number, ["checkout", "kbuild-gcc-12-x86"])
    return _level({**root, **_outcome(0)}, [_level(test(number, i, root["path"])) for i in range(children)])


def checkout_tree(number: int, nodes: int) -> Body:
    """A whole finished checkout of so many nodes as one hierarchy: builds, their jobs, the tests of those."""
    left = nodes - 1

    def take(wanted: int) -> range:
        nonlocal left
        taken = max(0, min(left, wanted))
        left -= taken
        return range(taken)

    builds: list[Body] = []
    while left > 0:
        for k in take(1):
            build = _level({**kbuild(number, len(builds) + k), **_outcome(number)})
            for j in take(JOBS_A_KBUILD):
                run = _level({**job(number, len(builds) + j, build["node"]["path"]), **_outcome(number + j)})
                path = run["node"]["path"]
                run["child_nodes"] = [_level(test(number, i, path)) for i in take(TESTS_A_JOB)]
                build["child_nodes"].append(run)
            builds.append(build)
    return _level({**checkout(number), **_outcome(0)}, builds)


def _level(node: Body, children: list[Body] | None = None) -> Body:
    return {"node": node, "child_nodes": children or []}


_RESULTS = random.Random(1).choices(("pass", "fail", "skip", "incomplete"), (85, 8, 5, 2), k=997)


def _outcome(index: int) -> Body:
    return {"state": "done", "result": _RESULTS[index % len(_RESULTS)]}
