"""What `junto[onnx]` promises: trees that leave as ONNX, and predict the same in its own evaluator."""

import numpy as np
from onnx import checker, load_from_string
from onnx.reference import ReferenceEvaluator

import junto as sf
from junto.learn import GradientBoostingClassifier

sf.init(parties=["alice", "bob"], debug_mode=True)
alice, bob = sf.PYU("alice"), sf.PYU("bob")


def table(seed):
    return np.random.default_rng(seed).normal(size=(200, 2)).astype(np.float32)


def label(rows):
    return (rows[:, 0] > 0).astype(np.int64)


hers, his = alice(table)(1), bob(table)(2)
model = GradientBoostingClassifier(sf.SPU(parties=["alice", "bob"]), n_estimators=2, max_depth=2)
model.fit({alice: hers, bob: his}, alice(label)(hers))
left = load_from_string(sf.reveal(model.export(to=bob, format="onnx")))
checker.check_model(left)
found = ReferenceEvaluator(left).run(["predictions"], {"X": np.hstack([table(1), table(2)])})[0]
expected = sf.reveal(model.predict_proba({alice: hers, bob: his}, to=bob))
np.testing.assert_allclose(np.asarray(found)[:, -1], np.asarray(expected).reshape(200, -1)[:, -1], atol=1e-4)
sf.shutdown()
