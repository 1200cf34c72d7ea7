"""Pictures of nothing, for runs of which a test looks at everything else."""

import base64

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
CONTENTS = {"png": base64.b64decode(PIXEL), "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>'}


def empty_picture(figure, **options):
    """Returns the bytes of a PNG file of one black pixel or of an SVG file of nothing, in place of a figure's."""
    return CONTENTS[options["format"]]
