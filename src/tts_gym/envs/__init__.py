"""The decision process as Gymnasium environments, single and in vectors."""
