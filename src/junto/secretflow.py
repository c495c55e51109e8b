"""SecretFlow's names that are called something else here: what to type, and which page to read.

Whoever comes from SecretFlow changes ``import secretflow as sf`` to ``import junto as sf``. Names that mean
the same work as they are. For the others an ``AttributeError`` says where they went; the table is also what
``docs/how-to/coming-from-secretflow.md`` lists, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

PAGE = "docs/how-to/coming-from-secretflow.md"

_FRAME, _LEARN, _JOIN, _SPU = "how-to/frame.md", "how-to/learn.md", "how-to/join.md", "how-to/spu.md"
_TREES = "junto.learn.GradientBoostingClassifier or GradientBoostingRegressor"
_SUMS = "not needed: add handles up on an SPU, spu(lambda *parts: sum(parts))(...)"
_MASKED_SUMS = ("junto.federated.SecureAggregator", "how-to/federated.md")
_COMPARE = "not needed: compare handles on an SPU, spu(jnp.maximum)(a, b)"
_NO_HEU = "not there: an SPU of two parties does without a helper and shows nobody a value"

NAMES: Mapping[str, tuple[str, str]] = {
    "HEU": (_NO_HEU, _SPU),
    "HEUObject": (_NO_HEU, _SPU),
    "TEEU": ("not there: an SPU needs no special hardware", _SPU),
    "TEEUObject": ("not there: an SPU needs no special hardware", _SPU),
    "component": (
        "not there: a script of junto is an ordinary Python program, `junto run`",
        "reference/commands.md",
    ),
    "kuscia": ("not there: parties start their own scripts, `junto run`", "reference/commands.md"),
    "data.FedNdarray": ("a dict of handles, {alice: x, bob: y}", _FRAME),
    "data.Partition": ("frame.partitions[alice], the handle of one party's part", _FRAME),
    "data.PartitionWay": ("VerticalFrame or HorizontalFrame of junto.frame", _FRAME),
    "data.horizontal.HDataFrame": ("junto.frame.HDataFrame", _FRAME),
    "data.horizontal.read_csv": ("junto.frame.h_read_csv", _FRAME),
    "data.io.read_csv_wrapper": ("alice(pandas.read_csv)(path)", _FRAME),
    "data.mix.MixDataFrame": ("not there: join by rows or by columns first", _FRAME),
    "data.ndarray.load": ("alice(numpy.load)(path)", _FRAME),
    "data.partition": ("alice(load)(path), a handle of one party's part", _FRAME),
    "data.split.train_test_split": ("junto.frame.train_test_split", _FRAME),
    "data.vertical.VDataFrame": ("junto.frame.VDataFrame", _FRAME),
    "data.vertical.read_csv": ("junto.frame.v_read_csv, or read_csv", _FRAME),
    "device.HEU": (_NO_HEU, _SPU),
    "device.TEEU": ("not there: an SPU needs no special hardware", _SPU),
    "device.SPUValueMeta": ("handles know shape and dtype by themselves", _SPU),
    "ml.boost.sgb_v.Sgb": (_TREES, "how-to/trees.md"),
    "ml.boost.ss_xgb_v.Xgb": (_TREES, "how-to/trees.md"),
    "ml.cluster.kmeans.KMEANS": ("junto.learn.KMeans", _LEARN),
    "ml.linear.FlLogisticRegressionVertical": ("junto.learn.LogisticRegression", _LEARN),
    "ml.linear.HESSLogisticRegression": ("junto.learn.LogisticRegression", _LEARN),
    "ml.linear.LinearModel": ("the fitted model: model.coef_ and model.intercept_", _LEARN),
    "ml.linear.RegType": ("a class each: LinearRegression, LogisticRegression", _LEARN),
    "ml.linear.SSGLM": ("LogisticRegression, PoissonRegressor, GammaRegressor, TweedieRegressor", _LEARN),
    "ml.linear.SSRegression": ("junto.learn.LogisticRegression or LinearRegression", _LEARN),
    "ml.nn.FLModel": ("junto.federated.FedAvg", "how-to/federated.md"),
    "ml.nn.SLModel": ("not there: gradients of any jax function are computed on an SPU", _SPU),
    "preprocessing.KBinsDiscretizer": ("junto.frame.KBinsDiscretizer", _FRAME),
    "preprocessing.LabelEncoder": ("junto.frame.LabelEncoder", _FRAME),
    "preprocessing.MinMaxScaler": ("junto.frame.MinMaxScaler", _FRAME),
    "preprocessing.OneHotEncoder": ("junto.frame.OneHotEncoder", _FRAME),
    "preprocessing.OrdinalEncoder": ("junto.frame.OrdinalEncoder", _FRAME),
    "preprocessing.StandardScaler": ("junto.frame.StandardScaler", _FRAME),
    "preprocessing.binning.VertBinning": ("junto.frame.KBinsDiscretizer", _FRAME),
    "preprocessing.binning.VertBinSubstitution": ("the fitted encoder's transform", _FRAME),
    "preprocessing.binning.VertWoeBinning": ("junto.frame.WeightOfEvidenceEncoder", _FRAME),
    "security.Aggregator": (_SUMS, _SPU),
    "security.PlainAggregator": ("bob(merge)(a.to(bob), b)", "tutorial/first-joint-program.md"),
    "security.SPUAggregator": (_SUMS, _SPU),
    "security.SecureAggregator": _MASKED_SUMS,
    "security.aggregation.PlainAggregator": ("bob(merge)(a.to(bob), b)", "tutorial/first-joint-program.md"),
    "security.aggregation.SPUAggregator": (_SUMS, _SPU),
    "security.aggregation.SecureAggregator": _MASKED_SUMS,
    "security.compare.PlainComparator": (_COMPARE, _SPU),
    "security.compare.SPUComparator": (_COMPARE, _SPU),
    "stats.BiClassificationEval": (
        "junto.learn.metrics: roc_auc_score, f1_score and others",
        _LEARN,
    ),
    "stats.RegressionEval": ("junto.learn.metrics: r2_score, mean_squared_error and others", _LEARN),
    "stats.SSPValue": ("model.summary_of(alice)", _LEARN),
    "stats.SSVertPearsonR": ("junto.frame.correlation", _FRAME),
    "stats.SSVertVIF": ("junto.frame.variance_inflation_factor", _FRAME),
    "stats.ScoreCard": ("junto.learn.Scorecard", "tutorial/scorecard.md"),
    "stats.categorical_statistics": ("frame.value_counts", _FRAME),
    "stats.prediction_bias_eval": (
        "not there yet; compare means of labels and predictions on an SPU",
        _LEARN,
    ),
    "stats.psi_eval": ("junto.learn.metrics.population_stability_index", _LEARN),
    "stats.table_statistics": ("frame.describe() of each party's columns, sums and means on an SPU", _FRAME),
    "utils.sigmoid": ("jax.nn.sigmoid, inside the function", _SPU),
    "utils.simulation.datasets": ("not there: scikit-learn ships tables", "tutorial/on-your-laptop.md"),
    "utils.testing.heu_config": (_NO_HEU, _SPU),
    "utils.testing.unused_tcp_port": ("not needed: sf.SPU(parties=[...]) needs no ports", _SPU),
    "SPU.infeed_shares": ("x.to(spu)", _SPU),
    "SPU.outfeed_shares": ("spu.dump(x, paths)", _SPU),
    "SPU.pir_query": ("junto.join.lookup", _JOIN),
    "SPU.pir_setup": ("junto.join.prepare, then junto.join.lookup", _JOIN),
    "SPU.psi": ("junto.join.join with output={alice: path, ...}", _JOIN),
    "SPU.psi_csv": ("junto.join.join with output={alice: path, ...}", _JOIN),
    "SPU.psi_df": ("junto.join.join", _JOIN),
    "SPU.psi_join_csv": ("junto.join.join with output={alice: path, ...}", _JOIN),
    "SPU.psi_join_df": ("junto.join.join", _JOIN),
    "SPU.psi_v2": ("junto.join.join", _JOIN),
    "SPU.reset": ("not needed: an SPU is opened when it is made and closed with the session", _SPU),
    "SPU.shutdown": ("not needed: sf.shutdown() closes all", _SPU),
    "SPU.ub_psi": ("junto.join.prepare, then junto.join.join", _JOIN),
    "VDataFrame.apply_func": ("frame.map", _FRAME),
    "VDataFrame.groupby": ("not there yet; sums over rows are computed on an SPU", _FRAME),
    "VDataFrame.partition_columns": ("frame.facts", _FRAME),
    "VDataFrame.partition_shape": ("frame.facts", _FRAME),
    "VDataFrame.to_pandas": ("read the files with library='pandas'", _FRAME),
    "VDataFrame.values": ("frame.to_numpy_parts(), handles of arrays", _FRAME),
}
"""Dotted name -> what to type here, and the page under docs/."""

ROOMS = frozenset(name.partition(".")[0] for name in NAMES if "." in name and name[0].islower())


def explained(name: str) -> str:
    """The end of an AttributeError's sentence about `name`; empty if SecretFlow has no such name either."""
    if name not in NAMES:
        return ""
    here, page = NAMES[name]
    verb = "is" if here.startswith("not ") else "is here"
    return f"; SecretFlow's `{name}` {verb} {here} (docs/{page}, {PAGE})"


class Room:
    """A package of SecretFlow that is arranged differently here; it says so of each of its names."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Room:
        name = f"{self._name}.{attribute}"
        if attribute.startswith("__") or not any(each.startswith(f"{name}.") for each in NAMES):
            listed = ", ".join(sorted(each for each in NAMES if each.startswith(f"{self._name}.")))
            more = explained(name) or f"; of SecretFlow's names this table knows {listed} ({PAGE})"
            raise AttributeError(f"junto has no `{name}`{more}", name=attribute, obj=self)
        return Room(name)

    def __repr__(self) -> str:
        return f"<SecretFlow's {self._name}, arranged differently here: {PAGE}>"
