"""What an exporter and its importer must agree on: file names, default values, reserved numbers."""

UNNAMED = "object"  # the category of an object that has none, in formats that require one
DEFAULT_SPLIT = "train"  # the split of an image that has none, in formats that require one
UNNAMED_KEY = "unnamed"  # true on an object without a category, in formats that write UNNAMED for it

NO_TARGET = -1  # gRefCOCO: in place of an annotation id
REFS = "grefs(refseg).json"

PNG_LIST = "masks.json"

DATASETS_ROWS = "metadata.jsonl"
DATASETS_COLUMNS = ("expressions", "category", "bbox", "segmentation")

YOLO_LIST, YOLO_EXPRESSIONS = "data.yaml", "expressions.json"
YOLO_OTHER_KEYS = ("path", "names", "nc", "download", "roboflow")  # keys of data.yaml that are not splits

YTVOS_EXPRESSIONS, YTVOS_OBJECTS = "meta_expressions.json", "meta.json"

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
VOC_VOID = 255  # border pixels that belong to no object
