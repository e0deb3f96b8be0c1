"""What keeps the rows of the store: SQLite for one manager, PostgreSQL for several.

Both run the statements of `sql/queries.sql`; the few that differ are in `sql/sqlite.sql` and `sql/postgres.sql`.
"""

from services.jobs.engines.engine import SQL, Database, Engine, Fault, Row, Session, named

__all__ = ["SQL", "Database", "Engine", "Fault", "Row", "Session", "named"]
