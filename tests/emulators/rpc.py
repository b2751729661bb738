"""A gRPC server on the loopback made of plain functions: what the stand-ins of Google's services have in common.

Hides grpc's handlers, refusals, faults on demand, field masks and paging. A service is a table of `Method`s; what is
not in its table is refused by grpc itself as UNIMPLEMENTED.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import grpc
from google.protobuf import any_pb2, empty_pb2, field_mask_pb2
from google.rpc import status_pb2

CALLS_MAX = 64
"""Calls under way at once, streams included; more wait where a service lets them, or get RESOURCE_EXHAUSTED."""
MESSAGE_BYTES_MAX = 20 * 1024 * 1024
PAGE_ITEMS = 100

Code = grpc.StatusCode


class Refused(Exception):
    """A call that is answered with an error."""

    def __init__(self, code: grpc.StatusCode, message: str, details: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details


class Method(NamedTuple):
    """One call: the message class it takes, the function that answers; whether both sides stream, or the answers do."""

    takes: type
    run: Callable[..., Any]
    is_stream: bool = False
    is_many: bool = False


class Server:
    """Serves the methods of some services. `calls` counts them by name; `fail` makes the next ones fail."""

    def __init__(
        self,
        services: Mapping[str, Mapping[str, Method]],
        port: int = 0,
        calls_max: int = CALLS_MAX,
        waiting_max: int = 0,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self._faults: dict[str, list[grpc.StatusCode]] = {}
        self._gate = threading.Lock()
        self._pool = futures.ThreadPoolExecutor(calls_max)
        sizes = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(self._pool, options=sizes, maximum_concurrent_rpcs=calls_max + waiting_max)
        for service, methods in services.items():
            handlers = {name: self._handler(name, method) for name, method in methods.items()}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"
        self._server.start()

    def fail(self, name: str, code: grpc.StatusCode, times: int = 1) -> None:
        """Answer the next `times` calls of this name with an error."""
        with self._gate:
            self._faults.setdefault(name, []).extend([code] * times)

    def reset(self) -> None:
        """Reset the counts, and drop the faults that are still to come."""
        with self._gate:
            self.calls.clear()
            self._faults.clear()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()
        self._pool.shutdown()

    def _handler(self, name: str, method: Method) -> grpc.RpcMethodHandler:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                self._enter(name)
                return method.run(request)
            except Refused as refused:
                _abort(context, refused)

        def answer_many(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                self._enter(name)
                yield from method.run(request)
            except Refused as refused:
                _abort(context, refused)

        def stream(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                self._enter(name)
                yield from method.run(requests, context)
            except Refused as refused:
                _abort(context, refused)

        sides: dict[str, Any] = {
            "request_deserializer": method.takes.FromString,  # type: ignore[attr-defined]
            "response_serializer": lambda message: message.SerializeToString(),
        }
        if method.is_stream:
            return grpc.stream_stream_rpc_method_handler(stream, **sides)
        if method.is_many:
            return grpc.unary_stream_rpc_method_handler(answer_many, **sides)
        return grpc.unary_unary_rpc_method_handler(answer, **sides)

    def _enter(self, name: str) -> None:
        with self._gate:
            self.calls[name] += 1
            faults = self._faults.get(name)
            code = faults.pop(0) if faults else None
        if code is not None:
            raise Refused(code, "a fault that was asked for")


def _abort(context: grpc.ServicerContext, refused: Refused) -> None:
    """End the call with the error, and with details where the client looks for them."""
    if refused.details:
        status = status_pb2.Status(code=refused.code.value[0], message=refused.message)
        for detail in refused.details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(refused.code, refused.message)


def empty() -> empty_pb2.Empty:
    """The answer that says nothing."""
    return empty_pb2.Empty()


def replace(target: Any, source: Any, mask: field_mask_pb2.FieldMask, allowed: Iterable[str]) -> list[str]:
    """Put the fields of `source` that the mask names in their place; gives their paths."""
    paths = list(mask.paths)
    if not paths:
        raise Refused(Code.INVALID_ARGUMENT, "The update_mask must name at least one field")
    for path in paths:
        if path.partition(".")[0] not in allowed:
            raise Refused(Code.INVALID_ARGUMENT, f"The update_mask names {path!r}, which cannot be updated")
    if not mask.IsValidForDescriptor(source.DESCRIPTOR):
        raise Refused(Code.INVALID_ARGUMENT, f"The update_mask names an unknown field: {', '.join(paths)}")
    mask.MergeMessage(source, target, True, True)
    return paths


def page(names: Iterable[str], size: int, token: str) -> tuple[list[str], str]:
    """The names of one page, in order, and the token of the next."""
    if size < 0:
        raise Refused(Code.INVALID_ARGUMENT, "The page_size must not be negative")
    rest = sorted(name for name in names if name > token)
    shown = rest[: size or PAGE_ITEMS]
    return shown, shown[-1] if len(shown) < len(rest) else ""
