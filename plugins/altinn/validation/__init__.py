"""Local checks, before anything is sent: XML and JSON against their schemas, a plan against the app's metadata.

Every check is pure and returns a list of `altinn.exceptions.Issue`; an empty list, or one without errors, is a pass.
The engines are imported inside the functions that use them, so that importing this package costs nothing.
"""
