"""REST: sealed readings in; totals, bills, proofs and the audit trail out. OpenAPI at ``/api/v1/openapi.json``."""

from quietgrid.api.app import create_app
from quietgrid.api.control import DemoControl
from quietgrid.api.services import Services
from quietgrid.api.settings import Settings

__all__ = ["DemoControl", "Services", "Settings", "create_app"]
