"""Attempts tell of the model, the key, the money and the wait; outcomes of the model that stood in."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; what is there was asked for itself, at once, with a key that nobody knows."""
    op.add_column("outcomes", sa.Column("stand_in", sa.Text))
    for name in ("model", "key"):
        op.add_column("attempts", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("attempts", sa.Column("cost", sa.Text))
    op.add_column("attempts", sa.Column("waited", sa.Double, nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("cached", sa.Boolean, nullable=False, server_default=sa.false()))
