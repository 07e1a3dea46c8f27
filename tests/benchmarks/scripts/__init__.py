"""The peers, each as a typical program that uses it. The arguments are `URL ROWS FOLDER REQUESTS_IN_FLIGHT`.

Each program gets the number of rows. This saves a request and a round trip for those that need the number.
"""
