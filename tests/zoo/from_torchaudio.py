"""Models of torchaudio, scripted: they take lengths beside the sound, as int64 or int32 tensors, and say so in their types."""

import functools

import torch
from torchaudio import models

from specimen import SCRIPTED, TRACED, Specimen

QUICK = {"Conformer", "Wav2Letter"}


def wav2vec2(make, **more):
    module = make(
        extractor_mode="group_norm", extractor_conv_layer_config=[(16, 10, 5), (16, 3, 2), (16, 3, 2)], extractor_conv_bias=False,
        encoder_embed_dim=32, encoder_projection_dropout=0.0, encoder_pos_conv_kernel=16, encoder_pos_conv_groups=2,
        encoder_num_layers=2, encoder_num_heads=4, encoder_attention_dropout=0.0, encoder_ff_interm_features=64,
        encoder_ff_interm_dropout=0.0, encoder_dropout=0.0, encoder_layer_norm_first=False, encoder_layer_drop=0.0, aux_num_out=8,
        **more)
    return module, {"waveforms": torch.randn(2, 4000), "lengths": torch.tensor([4000, 3000])}


def wavlm():
    return wav2vec2(models.wavlm_model, encoder_num_buckets=32, encoder_max_distance=80)


def conformer():
    module = models.Conformer(input_dim=16, num_heads=4, ffn_dim=32, num_layers=2, depthwise_conv_kernel_size=7)
    return module, {"input": torch.randn(2, 12, 16), "lengths": torch.tensor([12, 9])}


def emformer():
    module = models.Emformer(16, 4, 32, 2, segment_length=4, right_context_length=1)
    return module, {"input": torch.randn(2, 9, 16), "lengths": torch.tensor([9, 7])}


def tacotron2_encoder():
    """It packs its words (float32 [2, 16, 6], embedded) by their lengths, which PyTorch wants on the CPU. The whole model drops
    out at random, in evaluation too."""
    module = models.Tacotron2(n_symbol=32, symbol_embedding_dim=16, encoder_embedding_dim=16, encoder_n_convolution=1).encoder
    return module, {"x": torch.randn(2, 16, 6), "input_lengths": torch.tensor([6, 5])}


def wavernn():
    module = models.WaveRNN(upsample_scales=[2, 2], n_classes=16, hop_length=4, n_res_block=1, n_rnn=16, n_fc=16, n_hidden=16,
                            n_output=16, n_freq=8)
    return module, {"waveform": torch.randn(1, 1, 16), "specgram": torch.randn(1, 1, 8, 8)}


def rnnt():
    module = models.emformer_rnnt_model(
        input_dim=16, encoding_dim=16, num_symbols=12, segment_length=4, right_context_length=0, time_reduction_input_dim=8,
        time_reduction_stride=1, transformer_num_heads=2, transformer_ffn_dim=16, transformer_num_layers=1, transformer_dropout=0.0,
        transformer_activation="gelu", transformer_left_context_length=2, transformer_max_memory_size=0,
        transformer_weight_init_scale_strategy="depthwise", transformer_tanh_on_mem=False, symbol_embedding_dim=8,
        num_lstm_layers=1, lstm_layer_norm=True, lstm_layer_norm_epsilon=1e-3, lstm_dropout=0.0)
    return module, {"sources": torch.randn(1, 8, 16), "source_lengths": torch.tensor([8], dtype=torch.int32),
                    "targets": torch.randint(0, 12, (1, 3), dtype=torch.int32),
                    "target_lengths": torch.tensor([3], dtype=torch.int32), "predictor_state": None}


def squim():
    module = models.squim_objective_model(feat_dim=16, win_len=16, d_model=16, nhead=2, hidden_dim=16, num_blocks=1,
                                          rnn_type="LSTM", chunk_size=72, chunk_stride=36)
    return module, {"x": torch.randn(1, 2000)}


BUILDERS = {
    "ConvTasNet": lambda: (models.ConvTasNet(2, 8, 16, 8, 16, 3, 2, 1), {"input": torch.randn(1, 1, 800)}),
    "Conformer": conformer,
    "DeepSpeech": lambda: (models.DeepSpeech(8, 16, 12), {"x": torch.randn(2, 1, 9, 8)}),
    "Emformer": emformer,
    "HDemucs": lambda: (models.HDemucs(["a", "b"], audio_channels=1, channels=8, nfft=1024, depth=5),
                        {"input": torch.randn(1, 1, 8192)}),
    "HuBERT": functools.partial(wav2vec2, models.wav2vec2_model),
    "RNNT": rnnt,
    "SquimObjective": squim,
    "Tacotron2Encoder": tacotron2_encoder,
    "Wav2Letter": lambda: (models.Wav2Letter(num_classes=8, input_type="mfcc", num_features=13), {"x": torch.randn(1, 13, 64)}),
    "WavLM": wavlm,
    "WaveRNN": wavernn,
}


def build(name):
    module, inputs = BUILDERS[name]()
    return module.eval(), inputs


def specimens():
    return [Specimen(f"torchaudio.{name}", functools.partial(build, name), (TRACED, SCRIPTED), name in QUICK)
            for name in BUILDERS]
