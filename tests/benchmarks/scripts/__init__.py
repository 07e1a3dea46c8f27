"""The peers, each the program that somebody would write with it: `URL ROWS FOLDER REQUESTS_IN_FLIGHT`.

They are told how many rows there are, which spares those that need it a request and a round trip.
"""
