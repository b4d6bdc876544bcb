"""People, roles, sessions. Authorisation is a parameter: every read takes a `Viewer`."""

from quietgrid.accounts.limits import RateLimit
from quietgrid.accounts.permissions import (
    ALLOWED,
    GRANTABLE,
    ROLE_NAMES,
    Permission,
    Role,
    Viewer,
    matrix,
    require,
    require_home,
)
from quietgrid.accounts.service import Accounts, Rules, viewer_of
from quietgrid.accounts.tokens import check_csrf, csrf_token, new_token, token_hash, well_formed

__all__ = [
    "ALLOWED", "GRANTABLE", "ROLE_NAMES", "Accounts", "Permission", "RateLimit", "Role", "Rules", "Viewer",
    "check_csrf", "csrf_token", "matrix", "new_token", "require", "require_home", "token_hash", "viewer_of",
    "well_formed",
]  # fmt: skip
