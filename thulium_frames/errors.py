"""Every error this package raises, split by who must act, with the exit code each has on the command line.

ThuliumFramesError
├── SettingsError (ValueError)               2  you: a setting or an argument
│   └── FilterError
├── ApiError (ConnectionError)               3  the network, or the Thulium system
│   ├── AuthenticationError (PermissionError)
│   ├── RequestRejectedError
│   └── UnreadableAnswerError
├── ContractError (ValueError)               4  the data are not what the API promises
│   ├── ForeignAnswerError
│   ├── UnprovenWindowError
│   └── UnreadableDateError
└── LakeError (OSError)                      5  the lake on disk
    ├── LakeLockedError (BlockingIOError)
    ├── LakeMismatchError
    └── LakeDamagedError
"""


class ThuliumFramesError(Exception):
    """Any error of this package. `exit_code` is what the command line ends with."""

    exit_code = 1


class SettingsError(ThuliumFramesError, ValueError):
    """A setting or an argument is missing or wrong. Nothing was sent."""

    exit_code = 2


class FilterError(SettingsError):
    """A filter has a value that the API cannot match, or bounds are wrong."""


class ApiError(ThuliumFramesError, ConnectionError):
    """The network failed, or the system kept answering with an error, for longer than retries may take.

    `status` is the HTTP status, None when no answer came. Thulium's support asks for `request_id`.
    """

    exit_code = 3

    def __init__(self, message: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


class AuthenticationError(ApiError, PermissionError):
    """The API user is unknown, its password is wrong, or it may not call this method (401, 403)."""


class RequestRejectedError(ApiError):
    """The system refuses the request as it stands (another 4xx, or a redirect that is not followed)."""


class UnreadableAnswerError(ApiError):
    """A successful answer that is not JSON: a login page, a proxy's page, a body cut short."""


class ContractError(ThuliumFramesError, ValueError):
    """The answers contradict what the API promises. No rows are made from them."""

    exit_code = 4


class ForeignAnswerError(ContractError):
    """JSON, but not a page of call records."""


class UnprovenWindowError(ContractError):
    """The calls of one minute or day changed from read to read, so no set of them could be proven complete."""


class UnreadableDateError(ContractError):
    """Calls have a date that cannot be read, so they cannot be placed in a day."""


class LakeError(ThuliumFramesError, OSError):
    """The lake cannot be read or written."""

    exit_code = 5


class LakeLockedError(LakeError, BlockingIOError):
    """Another process is writing to the lake."""


class LakeMismatchError(LakeError):
    """The lake holds another system, other filters, or a version this release does not know."""


class LakeDamagedError(LakeError):
    """Files of the lake differ from what was written."""
