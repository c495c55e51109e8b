"""SecretFlow's names that are called something else here: what to type, and which page to read.

Whoever comes from SecretFlow changes ``import secretflow as sf`` to ``import junto as sf``. Names that mean
the same work as they are. For the others an ``AttributeError`` or ``ImportError`` says where they went; the
table is also what ``docs/how-to/coming-from-secretflow.md`` lists, and a test holds the two together.

A package of SecretFlow's is a `Room` here: a module without a file, so that ``from junto.data.vertical import
VDataFrame`` gets as far as the name that it is about. Python asks `find_spec` for names below ``junto`` that
no file has, and for no others.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PAGE = "docs/how-to/coming-from-secretflow.md"

_FRAME, _LEARN, _JOIN, _SPU = "how-to/frame.md", "how-to/learn.md", "how-to/join.md", "how-to/spu.md"
_COMMANDS, _FIRST = "reference/commands.md", "tutorial/first-joint-program.md"
_NO_CODE = "not there: nothing that comes from another party is code"
_NO_COMPONENTS = "not there: a script of junto is an ordinary Python program, `junto run`"
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
    "component": (_NO_COMPONENTS, _COMMANDS),
    "compute": ("not there: a task is any function of Python, alice(f)(...)", _FIRST),
    "get": ("sf.reveal", _FIRST),
    "kuscia": ("not there: parties start their own scripts, `junto run`", _COMMANDS),
    "data.FedNdarray": ("a dict of handles, {alice: x, bob: y}", _FRAME),
    "data.Partition": ("frame.partitions[alice], the handle of one party's part", _FRAME),
    "data.PartitionWay": ("VerticalFrame or HorizontalFrame of junto.frame", _FRAME),
    "data.groupby": ("not there yet; sums over rows are computed on an SPU", _FRAME),
    "data.horizontal.HDataFrame": ("junto.frame.HDataFrame", _FRAME),
    "data.horizontal.read_csv": ("junto.frame.h_read_csv", _FRAME),
    "data.io.read_csv_wrapper": ("alice(pandas.read_csv)(path)", _FRAME),
    "data.mix.MixDataFrame": ("not there: join by rows or by columns first", _FRAME),
    "data.ndarray.load": ("alice(numpy.load)(path)", _FRAME),
    "data.partition": ("alice(load)(path), a handle of one party's part", _FRAME),
    "data.split.train_test_split": ("junto.frame.train_test_split", _FRAME),
    "data.vertical.VDataFrame": ("junto.frame.VDataFrame", _FRAME),
    "data.vertical.read_csv": ("junto.frame.v_read_csv, or read_csv", _FRAME),
    "device.DeviceType": ("the class of a device: isinstance(x, sf.PYU), isinstance(x, sf.SPU)", _SPU),
    "device.PsiProtocol": ("not needed: junto.join.join takes the protocol that fits the SPU", _JOIN),
    "device.SPUValueMeta": ("handles know shape and dtype by themselves", _SPU),
    "device.global_state": ("session = sf.init(...): what it knows of the job", _COMMANDS),
    "device.kernels": ("x.to(spu), sf.reveal(x): moves are methods and functions", _SPU),
    "device.link": ("not needed: x.to(bob) is how values travel", _FIRST),
    "distributed": (
        "sf.init(parties=[...], address='local'), or address='ip:port' of a Ray head",
        "how-to/ray.md",
    ),
    "link": ("not needed: the addresses of the parties are settings", "reference/settings.md"),
    "metrics": ("junto.learn.metrics: roc_auc_score, accuracy_score and others", _LEARN),
    "ml.boost.sgb_v.SgbModel": ("the fitted model; model.save(folders)", "how-to/trees.md"),
    "ml.boost.sgb_v.get_classic_XGB_params": (
        "arguments of the model, named as XGBoost's",
        "how-to/trees.md",
    ),
    "ml.boost.sgb_v.load_model": ("GradientBoostingClassifier(spu).load(folders)", "how-to/trees.md"),
    "ml.boost.sgb_v.Sgb": (_TREES, "how-to/trees.md"),
    "ml.boost.ss_xgb_v.Xgb": (_TREES, "how-to/trees.md"),
    "ml.cluster.kmeans.KMEANS": ("junto.learn.KMeans", _LEARN),
    "ml.gaussian_process": ("not there: any jax function can be computed on an SPU", _SPU),
    "ml.linear.FlLogisticRegressionMix": ("not there: join by rows or by columns first", _LEARN),
    "ml.linear.FlLogisticRegressionVertical": ("junto.learn.LogisticRegression", _LEARN),
    "ml.linear.HESSLogisticRegression": ("junto.learn.LogisticRegression", _LEARN),
    "ml.linear.LinearModel": ("the fitted model: model.coef_ and model.intercept_", _LEARN),
    "ml.linear.RegType": ("a class each: LinearRegression, LogisticRegression", _LEARN),
    "ml.linear.SSGLM": ("LogisticRegression, PoissonRegressor, GammaRegressor, TweedieRegressor", _LEARN),
    "ml.linear.SSRegression": ("junto.learn.LogisticRegression or LinearRegression", _LEARN),
    "ml.naive_bayes": ("not there: any jax function can be computed on an SPU", _SPU),
    "ml.neighbors": ("not there: any jax function can be computed on an SPU", _SPU),
    "ml.nn.FLModel": ("junto.federated.FedAvg", "how-to/federated.md"),
    "ml.nn.SLModel": ("not there: gradients of any jax function are computed on an SPU", _SPU),
    "ml.nn.metrics": ("junto.learn.metrics: roc_auc_score, accuracy_score and others", _LEARN),
    "ml.nn.utils": (
        "not needed: junto.federated.FedAvg takes functions of jax and torch",
        "how-to/federated.md",
    ),
    "preprocessing.KBinsDiscretizer": ("junto.frame.KBinsDiscretizer", _FRAME),
    "preprocessing.LabelEncoder": ("junto.frame.LabelEncoder", _FRAME),
    "preprocessing.MinMaxScaler": ("junto.frame.MinMaxScaler", _FRAME),
    "preprocessing.OneHotEncoder": ("junto.frame.OneHotEncoder", _FRAME),
    "preprocessing.OrdinalEncoder": ("junto.frame.OrdinalEncoder", _FRAME),
    "preprocessing.StandardScaler": ("junto.frame.StandardScaler", _FRAME),
    "preprocessing.binning.VertBinning": ("junto.frame.KBinsDiscretizer", _FRAME),
    "preprocessing.binning.VertBinSubstitution": ("the fitted encoder's transform", _FRAME),
    "preprocessing.binning.VertWoeBinning": ("junto.frame.WeightOfEvidenceEncoder", _FRAME),
    "psi": ("junto.join.join", _JOIN),
    "security.Aggregator": (_SUMS, _SPU),
    "security.PlainAggregator": ("bob(merge)(a.to(bob), b)", _FIRST),
    "security.SPUAggregator": (_SUMS, _SPU),
    "security.SecureAggregator": _MASKED_SUMS,
    "security.aggregation.PlainAggregator": ("bob(merge)(a.to(bob), b)", _FIRST),
    "security.aggregation.SPUAggregator": (_SUMS, _SPU),
    "security.aggregation.SecureAggregator": _MASKED_SUMS,
    "security.compare.DeviceComparator": (_COMPARE, _SPU),
    "security.compare.PlainComparator": (_COMPARE, _SPU),
    "security.compare.SPUComparator": (_COMPARE, _SPU),
    "security.diffie_hellman": ("not needed: keys are agreed on when an SPU or a sum begins", _SPU),
    "security.privacy": ("junto.federated: noise that is drawn inside a sum", "how-to/federated.md"),
    "spec": (_NO_COMPONENTS, _COMMANDS),
    "stats.BiClassificationEval": (
        "junto.learn.metrics: roc_auc_score, f1_score and others",
        _LEARN,
    ),
    "stats.RegressionEval": ("junto.learn.metrics: r2_score, mean_squared_error and others", _LEARN),
    "stats.SSPValue": ("model.summary_of(alice)", _LEARN),
    "stats.PValue": ("model.summary_of(alice)", _LEARN),
    "stats.PearsonR": ("junto.frame.correlation", _FRAME),
    "stats.SSVertPearsonR": ("junto.frame.correlation", _FRAME),
    "stats.SSVertVIF": ("junto.frame.variance_inflation_factor", _FRAME),
    "stats.VIF": ("junto.frame.variance_inflation_factor", _FRAME),
    "stats.ScoreCard": ("junto.learn.Scorecard", "tutorial/scorecard.md"),
    "stats.categorical_statistics": ("frame.value_counts", _FRAME),
    "stats.prediction_bias_eval": (
        "not there yet; compare means of labels and predictions on an SPU",
        _LEARN,
    ),
    "stats.psi_eval": ("junto.learn.metrics.population_stability_index", _LEARN),
    "stats.table_statistics": ("frame.describe() of each party's columns, sums and means on an SPU", _FRAME),
    "utils.cloudpickle": (_NO_CODE, "explanation/how-it-works.md"),
    "utils.secure_pickle": (_NO_CODE, "explanation/how-it-works.md"),
    "utils.errors": ("junto.errors", "errors/index.md"),
    "utils.logging": ("sf.init(logging_level='info')", "reference/settings.md"),
    "utils.random": ("not needed: numbers of your own come from your own generator", _FIRST),
    "utils.sigmoid": ("jax.nn.sigmoid, inside the function", _SPU),
    "utils.simulation.datasets": ("not there: scikit-learn ships tables", "tutorial/on-your-laptop.md"),
    "utils.testing.heu_config": (_NO_HEU, _SPU),
    "utils.testing.unused_tcp_port": ("not needed: sf.SPU(parties=[...]) needs no ports", _SPU),
    "PYUObject.data": (
        "an argument of a function that runs there, alice(f)(x); or sf.reveal(x), if all may see it",
        _FIRST,
    ),
    "PYUObject.partitions": ("x itself, the handle of one party's part", _FRAME),
    "SPUObject.meta": ("x.shape and x.dtype", _SPU),
    "SPUObject.partitions": ("not there: what is on an SPU has no parts; x.to(bob) shows it to bob", _SPU),
    "SPUObject.shares_name": ("spu.dump(x, paths)", _SPU),
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

_FILES = """
data.base data.core data.horizontal.dataframe data.horizontal.io data.mix.dataframe data.ndarray.ndarray
data.vertical.dataframe data.vertical.io device.device device.device.base device.device.heu
device.device.pyu device.device.spu device.device.teeu device.device.type_traits device.driver
ml.boost.sgb_v.model ml.boost.ss_xgb_v.model ml.linear.fl_lr_mix ml.linear.fl_lr_v
ml.linear.hess_sgd ml.linear.hess_sgd.model ml.linear.linear_model ml.linear.ss_glm ml.linear.ss_glm.model
ml.linear.ss_sgd ml.linear.ss_sgd.model ml.nn.fl ml.nn.sl preprocessing.binning.vert_bin_substitution
preprocessing.binning.vert_binning preprocessing.binning.vert_woe_binning preprocessing.encoder
preprocessing.scaler security.aggregation.aggregator security.aggregation.plain_aggregator
security.aggregation.secure_aggregator security.aggregation.spu_aggregator security.compare.comparator
security.compare.device_comparator security.compare.plain_comparator security.compare.spu_comparator
stats.biclassification_eval stats.regression_eval stats.score_card stats.ss_pearsonr_v stats.ss_pvalue_v
stats.ss_vif_v
"""
FILES = frozenset(_FILES.split())
"""Modules of SecretFlow's whose names its packages have, too."""

_PATHS = FILES | {name.rpartition(".")[0] for name in NAMES if "." in name and name[0].islower()}
ROOMS = frozenset(path.rsplit(".", place)[0] for path in _PATHS for place in range(path.count(".") + 1))
"""Packages and modules of SecretFlow's that can be imported here; those that this package has are its own."""


def explained(name: str) -> str:
    """The end of a sentence that there is no `name`; empty if SecretFlow has no such name either."""
    row = _row(name)
    if row is None:
        return ""
    here, page = NAMES[row]
    verb = "is" if here.startswith("not ") else "is here"
    return f"; SecretFlow's `{name}` {verb} {here} (docs/{page}, {PAGE})"


def found(name: str) -> Any:
    """The package of SecretFlow's of that name, or what has the same name here; raises AttributeError."""
    if name in ROOMS:
        return importlib.import_module(f"junto.{name}")
    top, _, rest = name.partition(".")
    device = importlib.import_module("junto.device")
    if top == "device" and rest.rpartition(".")[2] in device.NAMES:
        return getattr(device, rest.rpartition(".")[2])
    raise AttributeError(f"junto has no `{name}`{_more(name)}")


def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
    """Asked by Python for a module of ours that no file has: a `Room`, or None.

    Raises:
        ImportError: it is a name of SecretFlow's that is no module, or none at all in one of its packages.
    """
    del path, target
    _, _, name = name.partition(".")
    if name in ROOMS:
        return ModuleSpec(f"junto.{name}", _Rooms(), is_package=True)
    if _row(name) is not None or name.rpartition(".")[0] in ROOMS - {"device", "utils"}:
        raise ImportError(f"junto has no `{name}`{_more(name)}", name=f"junto.{name}")
    return None


class Room(ModuleType):
    """A package of SecretFlow that is arranged differently here; it says so of each of its names."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {attribute!r}")
        return found(f"{self.__name__.removeprefix('junto.')}.{attribute}")

    def __repr__(self) -> str:
        return f"<SecretFlow's {self.__name__.removeprefix('junto.')}, arranged differently here: {PAGE}>"


class _Rooms(Loader):
    """Makes a `Room`: there is nothing to run."""

    def create_module(self, spec: ModuleSpec) -> Room:
        return Room(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        del module


def _row(name: str) -> str | None:
    """Which row of the table is about `name`: also a module, or the top, may have what a package has."""
    if name in NAMES:
        return name
    top, _, rest = name.partition(".")
    last = rest.rpartition(".")[2]
    there = [each for each in NAMES if rest and each.startswith(f"{top}.") and each.endswith(f".{last}")]
    return next((each for each in (*there, last) if each in NAMES and (there or top == "device")), None)


def _more(name: str) -> str:
    if more := explained(name):
        return more
    room = name.rpartition(".")[0]
    listed = [each for each in NAMES if each.startswith(f"{room}.")]
    return f"; of SecretFlow's names this table knows {', '.join(sorted(listed))} ({PAGE})" if listed else ""
