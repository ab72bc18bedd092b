"""Architectures of timm, scripted and traced: its own tiny test models, and the smallest of each family that is small as it is."""

import functools

import timm
import torch

from specimen import SCRIPTED, TRACED, Specimen

# One a module of timm, each under 6 million parameters.
SMALLEST = (
    "coat_tiny", "convit_tiny", "convnext_atto_rms", "cs3darknet_focus_s", "cspnext_tiny", "deit_tiny_patch16_224",
    "edgenext_xx_small", "efficientformerv2_s0", "efficientnet_b0", "efficientvit_b0", "efficientvit_m0", "eva02_tiny_patch14_224",
    "fasternet_t0", "ghostnet_050", "hardcorenas_b", "hgnetv2_b0", "iformer_t", "inception_next_atto", "lcnetv2_small",
    "mobilenetv3_small_050", "mobileone_s0", "mobilevit_xxs", "pvt_v2_b0", "regnetx_002", "repghostnet_050", "repvit_m0_9")

QUICK = {"test_vit", "test_convnext", "test_mambaout", "test_efficientnet"}
CLASSES = 10


def build(name):
    """Images are float32 [1, 3, side, side], of the side that the model is made for."""
    module = timm.create_model(name, pretrained=False, num_classes=CLASSES).eval()
    return module, {"x": torch.randn(1, *module.default_cfg["input_size"])}


def specimens():
    return [Specimen(f"timm.{name}", functools.partial(build, name), (TRACED, SCRIPTED), name in QUICK)
            for name in (*timm.list_models("test_*"), *SMALLEST)]
