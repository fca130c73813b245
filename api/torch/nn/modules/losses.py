"""Losses and distances as modules."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import functional as F
from .simple import simple

_loss = partial(
    simple, module=__name__, what="The function of the same name, as a module.", shown=""
)
_OLD: dict[str, Any] = {"size_average": None, "reduce": None, "reduction": "mean"}

MSELoss = _loss("MSELoss", function=F.mse_loss, **_OLD)
L1Loss = _loss("L1Loss", function=F.l1_loss, **_OLD)
SmoothL1Loss = _loss("SmoothL1Loss", function=F.smooth_l1_loss, **_OLD, beta=1.0)
HuberLoss = _loss("HuberLoss", function=F.huber_loss, reduction="mean", delta=1.0)
KLDivLoss = _loss("KLDivLoss", function=F.kl_div, **_OLD, log_target=False)
BCELoss = _loss(
    "BCELoss", function=F.binary_cross_entropy, buffers=("weight",), weight=None, **_OLD
)
BCEWithLogitsLoss = _loss(
    "BCEWithLogitsLoss",
    function=F.binary_cross_entropy_with_logits,
    buffers=("weight", "pos_weight"),
    weight=None,
    **_OLD,
    pos_weight=None,
)
NLLLoss = _loss(
    "NLLLoss",
    function=F.nll_loss,
    buffers=("weight",),
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
)
CrossEntropyLoss = _loss(
    "CrossEntropyLoss",
    function=F.cross_entropy,
    buffers=("weight",),
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
)
PoissonNLLLoss = _loss(
    "PoissonNLLLoss",
    function=F.poisson_nll_loss,
    log_input=True,
    full=False,
    size_average=None,
    eps=1e-8,
    reduce=None,
    reduction="mean",
)
GaussianNLLLoss = _loss(
    "GaussianNLLLoss", function=F.gaussian_nll_loss, full=False, eps=1e-6, reduction="mean"
)
HingeEmbeddingLoss = _loss(
    "HingeEmbeddingLoss", function=F.hinge_embedding_loss, margin=1.0, **_OLD
)
MarginRankingLoss = _loss("MarginRankingLoss", function=F.margin_ranking_loss, margin=0.0, **_OLD)
CosineEmbeddingLoss = _loss(
    "CosineEmbeddingLoss", function=F.cosine_embedding_loss, margin=0.0, **_OLD
)
SoftMarginLoss = _loss("SoftMarginLoss", function=F.soft_margin_loss, **_OLD)
MultiMarginLoss = _loss(
    "MultiMarginLoss",
    function=F.multi_margin_loss,
    buffers=("weight",),
    p=1,
    margin=1.0,
    weight=None,
    **_OLD,
)
MultiLabelMarginLoss = _loss("MultiLabelMarginLoss", function=F.multilabel_margin_loss, **_OLD)
MultiLabelSoftMarginLoss = _loss(
    "MultiLabelSoftMarginLoss",
    function=F.multilabel_soft_margin_loss,
    buffers=("weight",),
    weight=None,
    **_OLD,
)
TripletMarginLoss = _loss(
    "TripletMarginLoss",
    function=F.triplet_margin_loss,
    margin=1.0,
    p=2.0,
    eps=1e-6,
    swap=False,
    **_OLD,
)
TripletMarginWithDistanceLoss = _loss(
    "TripletMarginWithDistanceLoss",
    function=F.triplet_margin_with_distance_loss,
    distance_function=None,
    margin=1.0,
    swap=False,
    reduction="mean",
)
CTCLoss = _loss("CTCLoss", function=F.ctc_loss, blank=0, reduction="mean", zero_infinity=False)
CosineSimilarity = _loss("CosineSimilarity", function=F.cosine_similarity, dim=1, eps=1e-8)
PairwiseDistance = _loss(
    "PairwiseDistance", function=F.pairwise_distance, p=2.0, eps=1e-6, keepdim=False
)
