"""What some peers need to know in advance: the addresses of the pages, and the text fields of a record."""

TEXTS = (
    *("date", "src", "dst", "disposition", "operator", "filename", "user", "user_login", "dst_user", "dst_user_login"),
    *("customer_id", "outbound_id", "outbound_result", "connection_id", "type"),
    *("queue_id", "topic_id", "ticket_id", "disconnected_by", "transferred_to"),
)


def page_urls(url: str, rows: str) -> list[str]:
    """The address of each page of a hundred."""
    query = "limit=100&include_tags=true&include_topics=true"
    return [f"{url}/api/connections?{query}&offset={offset}" for offset in range(0, int(rows), 100)]
