"""Errors a user can act on. Each message is one sentence that names the thing, where it is, and what to do."""


class TTSGymError(ValueError):
    """Base of every error that the user, not the package, has to mend."""


class StoreError(TTSGymError):
    """A replay store is missing, damaged, inconsistent, or of a newer format."""


class ControllerError(TTSGymError):
    """A controller is unknown, has wrong parameters, lacks a signal, or failed while it ran."""


class DoesNotCompileError(ControllerError):
    """A program is none that can be compiled; the message begins with the file and the line."""


class BackendError(TTSGymError):
    """A text-generation backend cannot be made, or is asked for what it cannot give."""


class DiscoveryError(TTSGymError):
    """A discovery cannot be begun, gone on with or reported, or its proposer cannot propose."""


class LiveError(TTSGymError):
    """A question cannot be answered live, or live answering is asked for what it cannot do."""


class SourceError(TTSGymError):
    """What is imported is missing, damaged, of an unknown format, or lacks what a store needs."""
