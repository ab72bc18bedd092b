"""The architectures of `transformers`: every base model that it can name, with a tiny configuration.

A configuration is its class's default with every size that it knows by one of the usual names set small (SIZES), and then what
that architecture alone wants (OWN). The model is traced as its users trace it: `torchscript=True`, arguments by name.
"""

import functools
import os

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from specimen import Specimen

transformers.logging.set_verbosity_error()

WORDS = 128
PARAMETERS_MAX = 4_000_000

SIZES = {
    WORDS: "vocab_size",
    64: "hidden_dim intermediate_size ffn_dim d_ff encoder_ffn_dim decoder_ffn_dim n_inner max_position_embeddings n_positions "
        "max_source_positions max_target_positions n_ctx decoder_intermediate_size num_conv_pos_embeddings",
    32: "hidden_size d_model n_embd dim embed_dim embedding_size emb_dim word_embed_proj_dim image_size decoder_hidden_size "
        "sequence_length",
    8: "d_kv head_dim patch_size rotary_dim",
    4: "num_attention_heads num_heads n_head n_heads encoder_attention_heads decoder_attention_heads num_experts "
       "num_local_experts decoder_num_attention_heads",
    2: "num_hidden_layers num_layers n_layer n_layers encoder_layers decoder_layers num_decoder_layers num_encoder_layers "
       "num_key_value_heads decoder_num_hidden_layers num_conv_pos_embedding_groups",
    0: "pad_token_id",
    1: "bos_token_id decoder_start_token_id",
    3: "eos_token_id",
}

MELS = 16

# What one architecture wants beside the sizes: its configuration's fields, by the class of its model.
OWN = {
    "ASTModel": {"num_mel_bins": MELS, "max_length": 64},
    "BeitModel": {"out_indices": [1, 2]},
    "CanineModel": {"num_hash_buckets": 64},
    "CodeGenModel": {"rotary_dim": 4},
    "ConvNextModel": {"image_size": 64, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "ConvNextV2Model": {"image_size": 64, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "CTRLModel": {"dff": 64},
    "DonutSwinModel": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 4], "patch_size": 2},
    "EfficientNetModel": {"width_coefficient": 0.25, "depth_coefficient": 0.2, "hidden_dim": 320},
    "FocalNetModel": {"embed_dim": 8, "depths": [1, 1, 1, 1], "patch_size": 2},
    "FSMTModel": {"src_vocab_size": WORDS, "tgt_vocab_size": WORDS},
    "FunnelModel": {"d_inner": 64, "d_head": 8, "block_sizes": [1, 1]},
    "GLPNModel": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 4],
                  "patch_sizes": [7, 3, 3, 3]},
    "GPTJModel": {"rotary_dim": 4},
    "HieraModel": {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 4], "image_size": [64, 64],
                   "patch_size": [7, 7]},
    "LevitModel": {"image_size": 64, "patch_size": 16, "hidden_sizes": [16, 24, 32], "num_attention_heads": [2, 3, 4],
                   "key_dim": [8, 8, 8], "depths": [1, 1, 1]},
    "LiltModel": {"hidden_size": 48, "channel_shrink_ratio": 4},
    "LukeModel": {"entity_vocab_size": 32, "entity_emb_size": 16},
    "Mamba2Model": {"num_heads": 8, "head_dim": 8, "expand": 2, "n_groups": 1, "state_size": 16},
    "MarkupLMModel": {"max_depth": 4, "xpath_unit_hidden_size": 8},
    "MobileViTV2Model": {"image_size": 64, "patch_size": 2},
    "MobileViTModel": {"hidden_sizes": [32, 40, 48], "neck_hidden_sizes": [8, 8, 16, 16, 24, 24, 32], "patch_size": 2,
                       "image_size": 64},
    "OlmoeModel": {"num_experts_per_tok": 2},
    "PoolFormerModel": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "PvtModel": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 4, 8], "image_size": 64},
    "PvtV2Model": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 4, 8],
                   "image_size": 64},
    "Qwen2MoeModel": {"moe_intermediate_size": 32, "shared_expert_intermediate_size": 64},
    "ReformerModel": {"axial_pos_shape": [4, 4], "axial_pos_embds_dim": [16, 16], "attention_head_size": 8,
                      "feed_forward_size": 64, "attn_layers": ["local", "local"]},
    "RegNetModel": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "embedding_size": 8, "groups_width": 4},
    "ResNetModel": {"hidden_sizes": [16, 16, 24, 32], "depths": [1, 1, 1, 1], "embedding_size": 16},
    "RoCBertModel": {"pronunciation_vocab_size": WORDS, "shape_vocab_size": WORDS},
    "SegformerModel": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 4],
                       "decoder_hidden_size": 32, "patch_sizes": [7, 3, 3, 3]},
    "Speech2TextModel": {"input_feat_per_channel": MELS, "conv_channels": 32},
    "SwinModel": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 4], "patch_size": 2},
    "Swinv2Model": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 4], "patch_size": 2},
    "Swin2SRModel": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 4], "patch_size": 1, "window_size": 4},
    "SwiftFormerModel": {"embed_dims": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "TimesformerModel": {"num_frames": 2},
    "TvpModel": {"type_vocab_size": 2},
    "VanModel": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "VideoMAEModel": {"num_frames": 4},
    "VivitModel": {"num_frames": 4, "tubelet_size": [2, 8, 8]},
    "WhisperModel": {"num_mel_bins": MELS, "max_source_positions": 32},
    "Wav2Vec2BertModel": {"feature_projection_input_dim": 2 * MELS},
    "XmodModel": {"default_language": "en_XX", "languages": ["en_XX"]},
    "ZambaModel": {"attention_hidden_size": 64},
}
for speech in ("Data2VecAudioModel", "HubertModel", "UniSpeechModel", "UniSpeechSatModel", "Wav2Vec2Model",
               "Wav2Vec2ConformerModel", "WavLMModel"):
    OWN[speech] = {"conv_dim": [32] * 7}
for speech in ("SEWModel", "SEWDModel"):
    OWN[speech] = {"conv_dim": [16, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32], "squeeze_factor": 2}

# Models with a head, beside the base models: tied weights, and a cache that comes out as tuples of tuples.
HEADS = {"BertForMaskedLM": {}, "GPT2LMHeadModel": {"use_cache": True}, "T5ForConditionalGeneration": {"use_cache": True},
         "DistilBertForSequenceClassification": {}, "BartForConditionalGeneration": {"use_cache": True},
         "Wav2Vec2ForCTC": OWN["Wav2Vec2Model"], "ViTForImageClassification": {}, "BertForQuestionAnswering": {}}

QUICK = {"AlbertModel", "BartModel", "BertModel", "BigBirdModel", "BloomModel", "CLIPTextModel", "CLIPVisionModel", "ConvBertModel",
         "DistilBertModel", "ElectraModel", "FNetModel", "GemmaModel", "GPT2LMHeadModel", "GPTNeoXModel",
         "LlamaModel", "LongformerModel", "MambaModel", "MistralModel", "MixtralModel", "MptModel", "OPTModel",
         "T5ForConditionalGeneration", "RobertaModel", "SwinModel", "ViTModel", "Wav2Vec2Model", "WhisperModel", "XLNetModel"}


def shrink(config):
    """Sets every size that this configuration, or one inside it, knows by its usual name."""
    known = config.to_dict()
    for size, names in SIZES.items():
        for name in names.split():
            if isinstance(known.get(name), int) and not isinstance(known[name], bool):
                setattr(config, name, size)
    for inner in vars(config).values():
        if isinstance(inner, transformers.PretrainedConfig):
            shrink(inner)


def configure(kind, fields):
    config = kind.config_class()
    shrink(config)
    config.use_cache = False
    for name, value in fields.items():
        setattr(config, name, value)
    config.torchscript = True
    return config


def count_parameters(kind, config):
    """Without their memory where the class allows it: some configurations stay huge."""
    try:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in kind(config).parameters())
    except (RuntimeError, NotImplementedError):  # It computes with its weights while it is built.
        return 0


def arguments_of(module, config):
    """One call of forward. Words are int64 [2, 7], images float32 [1, channels, side, side], clips [1, frames, channels, side,
    side], sound float32 [1, samples], its features [1, mels, frames] or [1, frames, mels]."""
    words = torch.randint(4, WORDS, (2, 7))
    main = module.main_input_name
    kind = type(module).__name__
    looking = getattr(config, "vision_config", config)
    side = looking.image_size if isinstance(getattr(looking, "image_size", None), int) else 64
    if main == "input_ids":
        given = {"input_ids": words, "attention_mask": torch.ones_like(words)}
        if kind in ("FNetModel",):
            del given["attention_mask"]
        if kind == "ReformerModel":
            given = {"input_ids": torch.randint(4, WORDS, (1, 16)), "attention_mask": torch.ones(1, 16, dtype=torch.int64)}
        if kind == "BrosModel":
            given["bbox"] = torch.rand(2, 7, 8)
        if kind == "ViltModel" or hasattr(config, "vision_config"):
            given["pixel_values"] = torch.randn(2, 3, side, side)
    elif main == "pixel_values":
        given = {main: torch.randn(1, getattr(config, "num_channels", 3), side, side)}
        if hasattr(config, "num_frames"):
            given = {main: torch.randn(1, config.num_frames, config.num_channels, side, side)}
    elif main == "input_values":
        given = {main: torch.randn(1, 64, MELS) if kind == "ASTModel" else torch.randn(1, 4000)}
    elif main == "input_features":
        mels_first = kind == "WhisperModel"
        width = 2 * MELS if kind == "Wav2Vec2BertModel" else MELS
        given = {main: torch.randn(1, MELS, 64) if mels_first else torch.randn(1, 64, width)}
    else:
        raise ValueError(f"{kind} wants {main!r}, which the zoo does not know")
    if config.is_encoder_decoder:
        given["decoder_input_ids"] = words if main == "input_ids" else words[:1]
    return given


def build(kind, fields):
    parameters = count_parameters(kind, configure(kind, fields))
    if parameters > PARAMETERS_MAX:
        raise ValueError(f"its small configuration still has {parameters} parameters; the zoo takes {PARAMETERS_MAX}")
    config = configure(kind, fields)
    module = kind(config).eval()
    return module, arguments_of(module, config)


def specimens():
    kinds = {}
    for kind in MODEL_MAPPING.values():
        kind = kind[0] if isinstance(kind, (tuple, list)) else kind
        kinds[kind.__name__] = (kind, OWN.get(kind.__name__, {}))
    for name, fields in HEADS.items():
        kinds[name] = (getattr(transformers, name), fields)
    return [Specimen(f"transformers.{name}", functools.partial(build, *kinds[name]), quick=name in QUICK) for name in sorted(kinds)]
