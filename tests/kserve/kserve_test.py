"""Triton's own Python client against ferryd: what its users call, as they call it.

Usage: kserve_test.py BUILD_DIRECTORY     (with tritonclient[grpc] and numpy)
"""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import numpy
import torch
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

BUILD = pathlib.Path(sys.argv.pop())


class Text(torch.nn.Module):
    def forward(self, text: str, scale: float = 1.0) -> str:
        return text


class KServeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        for kind, size in (("mlp", "1MiB"), ("echo", "0")):
            subprocess.run([BUILD / "ferry-make-model", folder / f"{kind}.pt", f"--kind={kind}", f"--bytes={size}"],
                           check=True, stdout=subprocess.DEVNULL)
        # The same without its sidecar: it takes any dtype and shape.
        shutil.copy(folder / "echo.pt", folder / "any.pt")
        torch.jit.script(Text()).save(folder / "text.pt")
        cls.daemon = subprocess.Popen(
            [BUILD / "ferryd", f"--model-dir={folder}", "--grpc-listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
             "--devices=cpu=1GiB,sim:0=64MiB", "--load=mlp@sim:0", "--load=echo@cpu", "--load=any@cpu", "--load=text@cpu",
             f"--address-file={folder / 'address.json'}"], stderr=subprocess.PIPE, text=True)
        for line in cls.daemon.stderr:  # Until it says that it is ready.
            if " ready " in line:
                break
        address = json.loads((folder / "address.json").read_text())["grpc"]
        cls.client = triton.InferenceServerClient(address)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.daemon.send_signal(signal.SIGTERM)
        cls.daemon.stderr.read()
        assert cls.daemon.wait(timeout=60) == 0
        cls.folder.cleanup()

    def infer(self, model, array, name="x", **arguments):
        tensor = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        tensor.set_data_from_numpy(array)
        return self.client.infer(model, [tensor], **arguments)

    def refused(self, code, call, *arguments, **named):
        with self.assertRaises(InferenceServerException) as raised:
            call(*arguments, **named)
        self.assertEqual(raised.exception.status(), f"StatusCode.{code}", raised.exception.message())
        return raised.exception.message()

    def test_says_what_it_is(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("echo"))
        self.assertTrue(self.client.is_model_ready("echo", "1"))
        self.assertFalse(self.client.is_model_ready("nothing"))
        self.assertEqual(self.client.get_server_metadata().name, "ferry")

    def test_describes_a_model_by_its_sidecar(self):
        metadata = self.client.get_model_metadata("echo")
        self.assertEqual(list(metadata.versions), ["1"])
        self.assertEqual(metadata.inputs[0].name, "x")
        self.assertEqual(metadata.inputs[0].datatype, "FP32")
        self.assertEqual(metadata.outputs[0].name, "output")
        config = self.client.get_model_config("echo").config
        self.assertEqual(config.max_batch_size, 0)
        self.assertEqual(config.input[0].name, "x")

    def test_has_what_perf_analyzer_reads(self):
        self.assertNotIn("statistics", self.client.get_server_metadata().extensions)
        for model in ("mlp", "echo", "any", "text"):
            metadata = self.client.get_model_metadata(model)
            config = self.client.get_model_config(model).config
            self.assertTrue(all(int(version) > 0 for version in metadata.versions))
            self.assertEqual([tensor.name for tensor in config.input], [tensor.name for tensor in metadata.inputs])
            self.assertEqual([tensor.name for tensor in config.output], [tensor.name for tensor in metadata.outputs])

    def test_echoes_raw_contents_bit_for_bit(self):
        for dtype in ("float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"):
            array = (numpy.arange(12).reshape(3, 4) % 2 if dtype == "bool" else numpy.arange(12).reshape(3, 4)).astype(dtype)
            answer = self.infer("any", array, request_id="seven")
            self.assertTrue(numpy.array_equal(answer.as_numpy("output"), array), dtype)
            self.assertEqual(answer.get_response().id, "seven")

    def test_serves_nan_and_nothing_as_they_are(self):
        nan = self.infer("any", numpy.full((2,), numpy.nan, numpy.float32)).as_numpy("output")
        self.assertTrue(numpy.isnan(nan).all())
        empty = self.infer("echo", numpy.zeros((0, 16), numpy.float32)).as_numpy("output")
        self.assertEqual(empty.shape, (0, 16))

    def test_describes_strings_and_defaults_as_they_are_sent(self):
        for _ in range(3):  # Before the first request, and after it.
            inputs = self.client.get_model_metadata("text").inputs
            self.assertEqual([(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in inputs],
                             [("text", "BYTES", [1]), ("scale", "FP64", [1])])
            self.assertEqual([tensor.optional for tensor in self.client.get_model_config("text").config.input],
                             [False, True])
            answer = self.infer("text", numpy.array([b"hello"], object), name="text")
            self.assertEqual(answer.as_numpy("output")[0], b"hello")

    def test_runs_a_model_on_a_device(self):
        width = list(self.client.get_model_metadata("mlp").inputs[0].shape)[-1]
        answer = self.infer("mlp", numpy.ones((2, width), numpy.float32)).as_numpy("output")
        self.assertEqual(answer.shape, (2, width))
        self.assertTrue(numpy.isfinite(answer).all())

    def test_refuses_what_is_wrong(self):
        x = numpy.zeros((2,), numpy.float32)
        self.refused("NOT_FOUND", self.infer, "nothing", x)
        self.refused("NOT_FOUND", self.infer, "echo", x, model_version="7")
        self.assertIn("y", self.refused("INVALID_ARGUMENT", self.infer, "echo", x, name="y"))
        wanted = triton.InferRequestedOutput("nothing")
        self.assertIn("nothing", self.refused("INVALID_ARGUMENT", self.infer, "any", x, outputs=[wanted]))
        self.assertIn("FP32 [2]", self.refused("INVALID_ARGUMENT", self.infer, "echo", x))
        self.refused("UNIMPLEMENTED", self.client.get_inference_statistics, "echo")
        self.refused("UNIMPLEMENTED", self.client.get_model_repository_index)


if __name__ == "__main__":
    unittest.main()
