"""The asynchronous client over the same service."""

from __future__ import annotations

import asyncio

import pytest
from google.cloud import firestore

from .conftest import connect_async
from .test_query import F


@pytest.fixture
def run(server):
    """Runs a function of a client in an event loop of its own."""

    def run_with(work):
        async def main():
            client = connect_async(server)
            return await work(client, client.collection("node"))

        return asyncio.run(main())

    return run_with


def test_one_document(run):
    async def work(client, nodes):
        node = nodes.document("a")
        await node.set({"x": 1})
        await node.update({"y": 2})
        before = await node.get()
        await node.delete()
        return before.to_dict(), (await node.get()).exists

    assert run(work) == ({"x": 1, "y": 2}, False)


def test_many(run):
    async def work(client, nodes):
        references = [nodes.document(f"{n:03}") for n in range(100)]
        await asyncio.gather(*(r.set({"n": n}) for n, r in enumerate(references)))
        found = [s async for s in client.get_all(references) if s.exists]
        last = [s.id async for s in nodes.where(filter=F("n", ">", 97)).stream()]
        return len(found), last, (await nodes.count(alias="n").get())[0][0].value

    assert run(work) == (100, ["098", "099"], 100)


def test_a_batch_and_a_transaction(run):
    async def work(client, nodes):
        batch = client.batch()
        batch.set(nodes.document("a"), {"n": 1})
        await batch.commit()

        @firestore.async_transactional
        async def add(transaction):
            snapshot = await nodes.document("a").get(transaction=transaction)
            transaction.update(nodes.document("a"), {"n": snapshot.get("n") + 1})

        await add(client.transaction())
        return (await nodes.document("a").get()).to_dict()

    assert run(work) == {"n": 2}
