"""Values of Python on the wire of ferry.v1, from the protos themselves: no generated code.

Tensors cross bit for bit, bfloat16 and complex numbers too; shapes and dtypes as they are.
"""

import pathlib
import subprocess
import tempfile

import torch
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"

DTYPES = {torch.bool: 1, torch.uint8: 2, torch.int8: 6, torch.int16: 7, torch.int32: 8, torch.int64: 9, torch.float16: 10,
          torch.bfloat16: 11, torch.float32: 12, torch.float64: 13, torch.complex64: 14, torch.complex128: 15}
NUMBERS = {number: dtype for dtype, number in DTYPES.items()}


def read_messages():
    """{"LoadModelRequest": its class, ...} of ferry.v1."""
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        subprocess.run(["protoc", f"-I{PROTO}", f"--descriptor_set_out={out.name}", "--include_imports",
                        "ferry/v1/model_service.proto", "ferry/v1/inference_service.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    classes = message_factory.GetMessages(list(files), pool=pool)
    return {name.split(".")[-1]: kind for name, kind in classes.items() if name.startswith("ferry.v1.")}


def write(value, into):
    """Fills a ferry.v1.Value."""
    if value is None:
        into.none.SetInParent()
    elif isinstance(value, torch.Tensor):
        into.tensor.dtype = DTYPES[value.dtype]
        into.tensor.shape.extend(value.shape)
        into.tensor.data = value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int):
        into.int64_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, list):
        into.list.SetInParent()
        for inner in value:
            write(inner, into.list.values.add())
    elif isinstance(value, tuple):
        into.tuple.SetInParent()
        for inner in value:
            write(inner, into.tuple.values.add())
    elif isinstance(value, dict):
        into.dict.SetInParent()
        for key, inner in value.items():
            entry = into.dict.entries.add()
            entry.key = key
            write(inner, entry.value)
    else:
        raise TypeError(f"ferry.v1 has no {type(value).__name__}")


def read(value):
    """What a ferry.v1.Value holds."""
    kind = value.WhichOneof("kind")
    if kind == "tensor":
        dtype, shape = NUMBERS[value.tensor.dtype], list(value.tensor.shape)
        if not value.tensor.data:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(bytearray(value.tensor.data), dtype=torch.uint8).view(dtype).view(shape)
    if kind in ("list", "tuple"):
        return [read(inner) for inner in getattr(value, kind).values]
    if kind == "dict":
        return {entry.key: read(entry.value) for entry in value.dict.entries}
    return None if kind == "none" else getattr(value, kind)
