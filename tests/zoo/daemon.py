"""The real ferryd as a child process, and the RPCs of ferry.v1 that a trial makes.

A daemon that dies is noticed at the call that it died in (Died, with the signal and its last words), and the next Ferryd is
another process. One that does not answer is Hung, and killed.
"""

import json
import pathlib
import signal
import subprocess
import tempfile

import grpc

import wire

START_SECONDS = 60
CALL_SECONDS = 120
DEVICES = "cpu=2GiB,sim:0=1GiB,sim:1=1GiB"
SERVICES = {"Infer": "InferenceService"}


class Refused(Exception):
    """The daemon's answer is a code and a sentence."""

    def __init__(self, code, sentence):
        super().__init__(f"{code}: {sentence}")
        self.code, self.sentence = code, sentence


class Died(Exception):
    """The process ended in the middle of a call."""


class Hung(Exception):
    """No answer in CALL_SECONDS."""


class Ferryd:
    """Serves the models of `folder` on free ports. close() ends it."""

    def __init__(self, build, folder, messages):
        self.messages = messages
        self.home = tempfile.TemporaryDirectory()
        addresses = pathlib.Path(self.home.name) / "addresses.json"
        self.log = open(pathlib.Path(self.home.name) / "log", "w+")
        self.process = subprocess.Popen(
            [build / "ferryd", "--grpc-listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", f"--model-dir={folder}",
             f"--devices={DEVICES}", "--audit-runs=1", f"--address-file={addresses}", "--log-level=warn"], stderr=self.log)
        self.channel = None
        for _ in range(START_SECONDS * 100):
            if addresses.exists() or self.process.poll() is not None:
                break
            try:
                self.process.wait(0.01)
            except subprocess.TimeoutExpired:
                pass
        if not addresses.exists():
            raise Died(f"ferryd did not start: {self.last_words()}")
        self.channel = grpc.insecure_channel(json.loads(addresses.read_text())["grpc"],
                                             [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])

    def last_words(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()[-400:].strip().replace("\n", " ")

    def call(self, method, request):
        service = SERVICES.get(method, "ModelService")
        stub = self.channel.unary_unary(f"/ferry.v1.{service}/{method}", type(request).SerializeToString,
                                        self.messages[f"{method}Response"].FromString)
        try:
            return stub(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise Died(self.how_it_died(method)) from None
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise Hung(f"{method} was not answered in {CALL_SECONDS} s") from None
            raise Refused(error.code().name, error.details()) from None

    def how_it_died(self, method):
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            return f"{method}: the connection broke, and ferryd lives"
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        words = self.last_words() if code != -signal.SIGSEGV else ""
        return f"{name} in {method}{': ' + words if words else ''}"

    def load(self, name, device):
        return self.call("LoadModel", self.messages["LoadModelRequest"](name=name, devices=[device])).model

    def migrate(self, name, device):
        return self.call("MigrateModel", self.messages["MigrateModelRequest"](name=name, devices=[device])).model

    def unload(self, name):
        self.call("UnloadModel", self.messages["UnloadModelRequest"](name=name))

    def infer(self, name, inputs):
        """The outputs of one call, in order, and the device that it ran on."""
        request = self.messages["InferRequest"](model=name)
        for key, value in inputs.items():
            given = request.inputs.add(name=key)
            wire.write(value, given.value)
        response = self.call("Infer", request)
        return [wire.read(output.value) for output in response.outputs], response.device

    def used_bytes(self):
        """{device: bytes that models take there}."""
        devices = self.call("ListDevices", self.messages["ListDevicesRequest"]()).devices
        return {device.name: device.used_bytes for device in devices}

    def close(self, kill=False):
        """Ends it; its exit code."""
        if self.channel:
            self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        code = self.process.wait(60)
        self.log.close()
        self.home.cleanup()
        return code
