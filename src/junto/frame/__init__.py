"""Tables of several parties that are treated as one: columns split, or rows split.

from junto.frame import read_csv, train_test_split

frame = read_csv({alice: "a.csv", bob: "b.csv"}, on="id")
train, test = train_test_split(frame, test_size=0.2, random_state=7)
"""

from junto.frame.aggregate import Aggregate
from junto.frame.bins import KBinsDiscretizer
from junto.frame.correlation import Correlation, Inflation, correlation, variance_inflation_factor
from junto.frame.encoders import LabelEncoder, OneHotEncoder, OrdinalEncoder
from junto.frame.facts import Column, Facts
from junto.frame.frame import Frame
from junto.frame.horizontal import HorizontalFrame
from junto.frame.imputer import SimpleImputer
from junto.frame.like_secretflow import v_read_csv
from junto.frame.read import align, h_read_csv, h_read_parquet, read_csv, read_parquet
from junto.frame.scalers import MinMaxScaler, StandardScaler
from junto.frame.split import train_test_split
from junto.frame.transformer import Transformer
from junto.frame.vertical import VerticalFrame
from junto.frame.woe import WeightOfEvidenceEncoder

VDataFrame = VerticalFrame
HDataFrame = HorizontalFrame
v_read_parquet = read_parquet

__all__ = [
    "Aggregate",
    "Column",
    "Correlation",
    "Facts",
    "Frame",
    "HDataFrame",
    "HorizontalFrame",
    "Inflation",
    "KBinsDiscretizer",
    "LabelEncoder",
    "MinMaxScaler",
    "OneHotEncoder",
    "OrdinalEncoder",
    "SimpleImputer",
    "StandardScaler",
    "Transformer",
    "VDataFrame",
    "VerticalFrame",
    "WeightOfEvidenceEncoder",
    "align",
    "correlation",
    "h_read_csv",
    "h_read_parquet",
    "read_csv",
    "read_parquet",
    "train_test_split",
    "v_read_csv",
    "v_read_parquet",
    "variance_inflation_factor",
]
