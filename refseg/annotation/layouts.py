"""What an exporter and its importer must agree on: file names, default values, reserved numbers."""

UNNAMED = "object"  # the category of an object that has none, in formats that require one
DEFAULT_SPLIT = "train"  # the split of an image that has none, in formats that require one
UNNAMED_KEY = "unnamed"  # true on an object without a category, in formats that write UNNAMED for it

COCO_ANNOTATIONS = "annotations"  # the folder of instances_SPLIT.json

NO_TARGET = -1  # gRefCOCO: in place of an annotation id
REFS = "grefs(refseg).json"

REFCOCO_INSTANCES, REFCOCO_EXPRESSIONS, REFCOCO_PICKLE = "instances.json", "expressions.json", "refs(refseg).p"

PNG_LIST, PNG_IMAGES = "masks.json", "images.json"

DATASETS_ROWS, DATASETS_PARQUET = "metadata.jsonl", "metadata.parquet"
DATASETS_NESTED = ("source", "objects", "absent")  # columns that are not plain texts or numbers

YOLO_LIST, YOLO_EXPRESSIONS = "data.yaml", "expressions.json"
YOLO_OTHER_KEYS = ("path", "names", "nc", "download", "roboflow")  # keys of data.yaml that are not splits

YTVOS_EXPRESSIONS, YTVOS_OBJECTS = "meta_expressions.json", "meta.json"
MEVIS_MASKS = "mask_dict.json"
YTVOS_EXPRESSIONS_FOLDER = "meta_expressions"
# In meta.json of a video, where other readers ignore them: what this project knows of each frame, and the ids in
# mask_dict.json of its objects.
YTVOS_IMAGES, YTVOS_ANNOTATION_IDS = "images", "annotation_ids"
YTVOS_SPLITS = {"val": "valid", "validation": "valid", "dev": "valid"}  # split -> its folder, where that differs

VOC_ROOT = "VOCdevkit/VOC2012/"  # where the readers of Pascal VOC look
VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
VOC_VOID = 255  # border pixels that belong to no object


def label_map_name(category: str) -> str:
    """A category as labelmap.txt of Pascal VOC can hold it: colons separate its columns."""
    return " ".join(category.replace(":", " ").split())
