"""Compares proto/inference with the descriptor that tritonclient carries.

Whatever our files name, tritonclient must have with the same number, type and
label: that is what its requests and answers look like on the wire. Fields that
only tritonclient has are fine in ModelConfig (we never send them), and nowhere
else. Needs protoc and a Python with tritonclient[grpc].

Usage: check_descriptor.py [REPOSITORY_ROOT]
"""

import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2
from tritonclient.grpc import model_config_pb2, service_pb2

# Messages of which we declare only the part that clients read.
PARTIAL = {"ModelConfig", "ModelInput", "ModelOutput", "ModelInstanceGroup"}


def our_files(root):
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        subprocess.run(
            ["protoc", f"-I{root}/proto", f"--descriptor_set_out={out.name}",
             "inference/model_config.proto", "inference/grpc_service.proto"],
            check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(
            pathlib.Path(out.name).read_bytes()).file


def their_files():
    for module in (model_config_pb2, service_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        yield file


def collect(files):
    """Everything that shows on the wire, by full name."""
    facts = {}

    def add_enum(prefix, enum):
        for value in enum.value:
            facts[f"{prefix}{enum.name}/{value.name}"] = value.number

    def add_message(prefix, message):
        name = prefix + message.name
        facts[name] = "message"
        for field in message.field:
            facts[f"{name}/{field.name}"] = (
                field.number, field.type, field.label, field.type_name,
                field.HasField("oneof_index"))
        for enum in message.enum_type:
            add_enum(f"{name}.", enum)
        for nested in message.nested_type:
            add_message(f"{name}.", nested)

    for file in files:
        for enum in file.enum_type:
            add_enum("", enum)
        for message in file.message_type:
            add_message("", message)
        for service in file.service:
            for method in service.method:
                facts[f"{service.name}.{method.name}()"] = (
                    method.input_type, method.output_type,
                    method.client_streaming, method.server_streaming)
    return facts


def main():
    root = (pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else
            pathlib.Path(__file__).resolve().parents[2])
    ours, theirs = collect(our_files(root)), collect(their_files())
    errors = [f"{name}: ours {fact}, tritonclient's {theirs.get(name)}"
              for name, fact in ours.items() if theirs.get(name) != fact]
    services = {name for name in theirs if name.endswith("()")}
    for name in theirs.keys() - ours.keys():
        message = name.split("/")[0]
        if name in services:
            errors.append(f"{name}: missing")
        elif message in ours and "/" in name and message not in PARTIAL:
            errors.append(f"{name}: missing")
    for error in sorted(errors):
        print(error)
    print(f"{len(ours)} facts compared, {len(errors)} wrong")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
