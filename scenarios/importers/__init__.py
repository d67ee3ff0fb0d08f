"""Public data sets and foreign formats become folders of our tables, one file per kind."""

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from scenarios.importers.completejourney import import_completejourney
from scenarios.importers.fraud_handbook import import_fraud_handbook
from scenarios.importers.freshretailnet import import_freshretailnet
from scenarios.importers.m5 import import_m5
from scenarios.importers.online_retail import import_online_retail
from scenarios.importers.vn2 import import_vn2

KINDS: MappingProxyType[str, Callable[[Path, Path], list[str]]] = MappingProxyType(
    {
        "vn2": import_vn2,
        "freshretailnet": import_freshretailnet,
        "completejourney": import_completejourney,
        "online_retail": import_online_retail,
        "m5": import_m5,
        "fraud_handbook": import_fraud_handbook,
    }
)
