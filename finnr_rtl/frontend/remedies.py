"""What to do about operators that no stream of integers follows: the rest of the sentence that refuses them."""

__all__ = ["remedy"]

_REAL = "its statistics are of the data itself; use BatchNormalization, which is a constant at inference"
_MEMORY = "it looks at the whole sequence; use convolutions or dense layers"
_SPREAD = "broadcasting by Add and Mul is built, repeating is not; use Resize for nearest neighbours"
_CHOICE = "a choice by data is not built; write it as Relu, Clip, Max or Min"

_REMEDIES = {
    "DynamicQuantizeLinear": "its scale follows the data; quantise the model statically, with calibration data",
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization", "LayerNormalization", "LpNormalization", "LRN", "RMSNormalization",
                     "MeanVarianceNormalization", "SimplifiedLayerNormalization"), _REAL),
    **dict.fromkeys(("Attention", "GRU", "LSTM", "RNN", "Loop", "Scan", "CumSum"), _MEMORY),
    **dict.fromkeys(("Expand", "Tile"), _SPREAD),
    **dict.fromkeys(("Where", "QLinearWhere", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal", "If"), _CHOICE),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceMin", "ReduceProd", "ReduceLogSumExp"),
                    "ReduceMean, ReduceSum and ReduceMax over pixels are built"),
    **dict.fromkeys(("Gather", "GatherND", "ScatterND", "NonZero"), "cut channels or pixels with Slice or Split"),
    **dict.fromkeys(("NonMaxSuppression", "LogSoftmax", "Multinomial"), "end the model before it, and compute it on the host"),
    **dict.fromkeys(("Einsum",), "write it as MatMul with a constant matrix"),
}


def remedy(op: str) -> str:
    """What to do about operator ``op``, as a phrase in parentheses behind a blank; empty where nothing better is known than the list."""
    return f" ({_REMEDIES[op]})" if op in _REMEDIES else ""
