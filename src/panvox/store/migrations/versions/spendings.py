"""Money that is set aside and spent."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; what was spent before was not counted."""
    op.create_table(
        "spendings",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("member", "provider", "model", "tag")),
        sa.Column("reserved", sa.Text, nullable=False),
        sa.Column("spent", sa.Text),
        sa.Column("counted", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("answers", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spendings"),
    )
    limited = ["day", "provider", "tag", "counted"]
    op.create_index("ix_spendings_day_provider_tag_counted", "spendings", limited)
    op.create_index("ix_spendings_run_turn", "spendings", ["run", "turn"])
