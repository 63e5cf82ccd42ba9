"""The annotation aid: projects on disk, what a person does to masks, other tools' formats. Knows no page."""
