"""Every builder of torchvision, by its own function and with random weights; its settings made small.

Small means: fewer layers and narrower ones, where the builder's class takes them as arguments. Each argument that only says how
many is replaced on its way to the class; what makes the architecture (its blocks, attention, groups, strides) stays.
"""

import functools
import importlib
import inspect
from contextlib import ExitStack
from unittest import mock

import torch
from torch import nn
from torchvision import models
from torchvision.models import convnext, densenet, efficientnet, maxvit, regnet, resnet, swin_transformer
from torchvision.models import vision_transformer
from torchvision.models.quantization.utils import quantize_model
from torchvision.models.video import resnet as video_resnet
from torchvision.models.video import swin_transformer as video_swin

from specimen import SCRIPTED, TRACED, Specimen

CLASSES = 10
QUICK = {"resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "vit_b_16", "convnext_tiny",
         "regnet_y_400mf", "mnasnet0_5"}


def one_layer_each(arguments):
    arguments["layers"] = [1 for _ in arguments["layers"]]


def small_convnext(arguments):
    for block in arguments["block_setting"]:
        block.input_channels //= 4
        block.out_channels = block.out_channels and block.out_channels // 4
        block.num_layers = 1


def small_densenet(arguments):
    arguments["block_config"] = (2, 2, 2, 2)


def small_efficientnet(arguments):
    for block in arguments["inverted_residual_setting"]:
        block.num_layers = 1


def small_maxvit(arguments):
    arguments["block_layers"] = [1 for _ in arguments["block_layers"]]


def small_regnet(arguments):
    blocks = arguments["block_params"]
    blocks.depths = [1 for _ in blocks.depths]
    blocks.widths = [group * (stage + 1) for stage, group in enumerate(blocks.group_widths)]


def small_swin(arguments):
    arguments["embed_dim"] = 8 * arguments["num_heads"][0]
    arguments["depths"] = [2 for _ in arguments["depths"]]


def small_vit(arguments):
    arguments.update(image_size=3 * arguments["patch_size"], num_layers=2, hidden_dim=8 * arguments["num_heads"], mlp_dim=64)


QUANTIZED = {name: importlib.import_module(f"torchvision.models.quantization.{name}")
             for name in ("googlenet", "inception", "mobilenetv2", "resnet", "shufflenetv2")}

SMALL = ((convnext, "ConvNeXt", small_convnext), (densenet, "DenseNet", small_densenet),
         (efficientnet, "EfficientNet", small_efficientnet), (maxvit, "MaxVit", small_maxvit), (regnet, "RegNet", small_regnet),
         (resnet, "ResNet", one_layer_each), (QUANTIZED["resnet"], "QuantizableResNet", one_layer_each),
         (swin_transformer, "SwinTransformer", small_swin), (video_resnet, "VideoResNet", one_layer_each),
         (video_swin, "SwinTransformer3d", small_swin),
         (vision_transformer, "VisionTransformer", small_vit))


def shrunken(kind, shrink):
    """A stand-in for class `kind` that builds it with fewer and narrower layers."""
    named_by = next(base for base in kind.__mro__ if "args" not in inspect.signature(base).parameters)

    def build(*positional, **named):
        bound = inspect.signature(named_by).bind(*positional, **named)
        arguments = {name: value for name, value in bound.arguments.items() if name != "kwargs"}
        arguments.update(bound.arguments.get("kwargs", {}))
        shrink(arguments)
        return kind(**arguments)

    return build


def quantize_for_fbgemm(module, _):
    """By one engine for all, of the two that torchvision knows: for another it leaves a model as it is, in float."""
    quantize_model(module, "fbgemm")


def narrow_classifier(module):
    """alexnet and the vggs keep nine tenths of their weights in two Linears of 4096."""
    features = next(layer for layer in module.classifier if isinstance(layer, nn.Linear)).in_features
    module.classifier = nn.Sequential(nn.Linear(features, 64), nn.ReLU(True), nn.Dropout(), nn.Linear(64, CLASSES))


def arguments_of(name, family):
    """The arguments of forward by name: images are float32 [1, 3, height, width], clips [1, 3, frames, height, width]."""
    side = {"inception_v3": 96, "maxvit_t": 224, "vit_h_14": 42}.get(name, 96 if family == "vision_transformer" else 64)
    if family == "vision_transformer":
        side = 3 * int(name.split("_")[-1])
    if family == "detection":
        return {"images": [torch.rand(3, 96, 128)]}
    if family == "optical_flow":
        return {"image1": torch.rand(1, 3, 128, 128), "image2": torch.rand(1, 3, 128, 128), "num_flow_updates": 2}
    if family == "video":
        frames, side = {"s3d": (16, 224)}.get(name, (8, 64))
        return {"x": torch.randn(1, 3, frames, side, side)}
    if name.startswith("quantized_") and family in ("mobilenetv2", "mobilenetv3", "shufflenetv2", "googlenet"):
        return {"x": torch.rand(1, 3, 64, 64)}
    return {"x": torch.randn(1, 3, side, side)}


def family_of(name):
    path = models.get_model_builder(name).__module__.split(".")[2:]
    return path[1] if path[0] == "quantization" else path[0]


def settings_of(name, family):
    settings = {"weights": None}
    if family in ("detection", "segmentation"):
        settings["weights_backbone"] = None
    if family == "detection":
        settings["num_classes"] = CLASSES
        if not name.startswith("ssd"):
            settings.update(min_size=96, max_size=128)
        if "rcnn" in name:
            settings.update(rpn_post_nms_top_n_test=20, box_detections_per_img=5)
        else:
            settings.update(topk_candidates=50, detections_per_img=5)
    elif family != "optical_flow":
        settings["num_classes"] = CLASSES
    if name.startswith("mvit"):
        settings.update(spatial_size=(64, 64), temporal_size=8)
    if family in ("googlenet", "inception"):
        settings.update(init_weights=True, aux_logits=False)
    if name.startswith("quantized_"):
        settings["quantize"] = True
    return settings


def build(name):
    family = family_of(name)
    with ExitStack() as patches:
        for module, kind, shrink in SMALL:
            patches.enter_context(mock.patch.object(module, kind, shrunken(getattr(module, kind), shrink)))
        for module in QUANTIZED.values():
            patches.enter_context(mock.patch.object(module, "quantize_model", quantize_for_fbgemm))
        module = models.get_model(name, **settings_of(name, family))
    if family in ("alexnet", "vgg"):
        narrow_classifier(module)
    torch.backends.quantized.engine = "x86"  # What a new process has; builders leave another behind.
    return module.eval(), arguments_of(name, family)


def specimens():
    return [Specimen(f"torchvision.{name}", functools.partial(build, name), (TRACED, SCRIPTED), name in QUICK)
            for name in models.list_models()]
