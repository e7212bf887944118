//! Which backend and endpoint a stream gets: exact weights from one ticket per route.
