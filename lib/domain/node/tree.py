"""Trees: the plan of a sent hierarchy, that is, the nodes to store. Pure (kernelci.md 2.4, PUT nodes).

The root keeps id, owner, submitter, treeid and place of the stored root, unless the body names an owner. Every other
node gets parent and place from the hierarchy, submitter and treeid from the stored root, and the owner from the body or
the caller. Transitions are not checked: a lab may answer after the timeout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lib.domain.node import node as rules
from lib.domain.node.node import Draft, Node
from lib.errors import Conflict, Invalid, TooLarge


class Branch(NamedTuple):
    """One node of a hierarchy: its draft and its children."""

    draft: Draft
    children: Sequence[Branch]


class _Leaf(NamedTuple):
    """A planned node: its id, the position of its parent in the plan (None: the root), its draft, its path as sent."""

    id: str
    parent: int | None
    draft: Draft
    where: str


@dataclass(frozen=True, slots=True)
class TreePlan:
    """The nodes of a hierarchy in pre-order, with all ids assigned."""

    leaves: tuple[_Leaf, ...]
    named: tuple[str, ...]
    """Ids of existing nodes that the hierarchy names below its root."""

    def apply(self, stored: Mapping[str, Node], parent: Node | None, caller: str, now: datetime) -> list[Node]:
        """The nodes to store. `stored` holds the root and the named ones; `parent` is the root's."""
        root = stored[self.leaves[0].id]
        nodes: list[Node] = []
        for leaf in self.leaves:
            above = parent if leaf.parent is None else nodes[leaf.parent]
            try:
                nodes.append(self._node(leaf, root, stored.get(leaf.id), above, caller, now))
            except Invalid as error:
                raise Invalid(f"{leaf.where}.{error.path}", error.message) from error
        return nodes

    def _node(
        self, leaf: _Leaf, root: Node, stored: Node | None, above: Node | None, caller: str, now: datetime
    ) -> Node:
        draft = dict(leaf.draft)
        owner = draft.pop("owner", None) or caller
        if leaf.parent is None:
            draft["parent"] = root.parent
        if stored is not None:
            if stored is not root and root.id not in stored.ancestors:
                raise Invalid("id", f"node {leaf.id} exists and is not below the root {root.id}")
            node = rules.overwrite(stored, draft, now)
        elif leaf.id in self.named:
            raise Invalid("id", f"no such node: {leaf.id}")
        else:
            draft.pop("parent", None)
            node = rules.create(draft, id=leaf.id, owner=owner, now=now, parent=None)
        node.owner = owner
        if leaf.parent is not None:
            if stored is not None and above is not None and stored.ancestors != above.line:
                raise Conflict(f"node {leaf.id} stands elsewhere in the tree; move it by an edit of its own")
            node.submitter, node.treeid = root.submitter, root.treeid
            rules.place(node, above)
        else:
            node.treeid = root.treeid
        return node


def plan_tree(root_id: str, tree: Branch, new_id: Callable[[], str]) -> TreePlan:
    """Flatten a hierarchy into a plan. Raises TooLarge past HIERARCHY_NODES_MAX and Invalid for an id named twice."""
    leaves: list[_Leaf] = []
    named: dict[str, None] = {}
    # An explicit stack: a hierarchy may be deeper than Python recurses.
    stack: list[tuple[Branch, int | None, str]] = [(tree, None, "node")]
    while stack:
        branch, parent, where = stack.pop()
        if len(leaves) >= rules.HIERARCHY_NODES_MAX:
            raise TooLarge(f"a hierarchy has at most {rules.HIERARCHY_NODES_MAX} nodes")
        id = branch.draft.get("id")
        if parent is None:
            id = root_id
        elif id is not None:
            if id in named or id == root_id:
                raise Invalid(f"{where}.id", f"named twice: {id}")
            named[id] = None
        leaves.append(_Leaf(id or new_id(), parent, branch.draft, where))
        here = len(leaves) - 1
        prefix = where.removesuffix("node")
        for i in range(len(branch.children) - 1, -1, -1):
            stack.append((branch.children[i], here, f"{prefix}child_nodes[{i}].node"))
    return TreePlan(tuple(leaves), tuple(named))
