"""Pages whose images are added by scripts, and pages complete as served, for a :class:`tests.assets.site.Site`."""

from collections.abc import Mapping

from tests.assets.site import Answer, Site

SCRIPT = "text/javascript"
LAZY = """
const seen = new IntersectionObserver((all) => { for (const one of all) if (one.isIntersecting) {
  one.target.src = `/lazy/${one.target.dataset.number}`; seen.unobserve(one.target) } });
for (const one of document.querySelectorAll('img')) seen.observe(one);
"""
SHADOW = """
const root = document.querySelector('shop-window').attachShadow({mode: 'open'});
for (const number of [1, 2]) { const one = new Image(); one.src = `/shadow/${number}`; one.alt = 'In the shadow';
  root.append(one) }
"""
CANVAS = """
const draw = (id, source) => { const one = new Image(); one.onload = () => {
  const canvas = document.getElementById(id); canvas.width = 96; canvas.height = 64;
  canvas.getContext('2d').drawImage(one, 0, 0, 96, 64) }; one.src = source };
draw('own', `/canvas/${1}`); draw('tainted', 'OTHER');
"""
STYLED = """
document.getElementById('one').style.backgroundImage = `url(/styled/${1})`;
document.styleSheets[0].insertRule(`#three { background: url(/styled/${3}) }`);
document.styleSheets[0].insertRule(`#two::before { content: ''; background: url(/styled/${2}) }`);
"""
ENDLESS = """
let number = 0;
const more = () => { for (let i = 0; i < 4; i++) { const one = new Image(); one.height = 700;
  one.style.display = 'block'; one.src = `/endless/${++number}`; document.body.append(one) } };
addEventListener('scroll', () => {
  if (scrollY + innerHeight > document.documentElement.scrollHeight - 500) more() });
more();
"""
GALLERY = """
fetch('/gallery.json').then((response) => response.json()).then((all) => {
  for (const number of all) { const one = new Image(); one.src = `/gallery/${number}`; one.alt = `Print ${number}`;
    document.body.append(one) }
  const further = document.createElement('a'); further.href = '/further'; further.textContent = 'more';
  document.body.append(further);
});
"""
BLOB = """
fetch(`/blob/${1}`).then((response) => response.blob()).then((blob) => {
  const one = new Image(); one.src = URL.createObjectURL(blob); document.body.append(one) });
"""
SHELL = '<!doctype html><html lang="en"><title>Shop</title><style>body {{ margin: 0 }}</style><body>{0}{1}'
LOREM = "<p>" + "The print shows a wave before the mountain, and boats in it. " * 12 + "</p>"

SCRIPTED_PAGES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "/lazy.html": ("<img data-number=%d style='display:block;height:900px'>", LAZY, ("/lazy/{}",)),
    "/shadow.html": ("<shop-window></shop-window>", SHADOW, ("/shadow/{}",)),
    "/styled.html": ("<div id=one>1</div><div id=two>2</div><div id=three hidden>3</div>", STYLED, ("/styled/{}",)),
    "/gallery.html": ('<div id="root"></div>', GALLERY, ("/gallery/{}",)),
    "/blob.html": ('<div id="app"></div>', BLOB, ("/blob/{}",)),
}
"""Pages built by scripts: the served part of the body, the script, and the images."""
PICTURES = {"/lazy.html": 5, "/shadow.html": 2, "/styled.html": 3, "/gallery.html": 3, "/blob.html": 1}
"""Number of images on each page."""


def serve_scripted(site: Site) -> dict[str, list[str]]:
    """Serve pages that show no image without their scripts; returns the paths of the images of each."""
    site.routes["/gallery.json"] = Answer(b"[1, 2, 3]", media_type="application/json")
    pictures: dict[str, list[str]] = {}
    for place, (path, (body, script, (pattern,))) in enumerate(SCRIPTED_PAGES.items()):
        count = PICTURES[path]
        served = "".join(body % number for number in range(1, count + 1)) if "%d" in body else body
        page(site, path, served, script)
        pictures[path] = [pattern.format(number) for number in range(1, count + 1)]
        for number, picture in enumerate(pictures[path]):
            site.image(picture, 100 * (place + 1) + number)
    return pictures


def serve_complete(site: Site, count: int = 4) -> dict[str, list[str]]:
    """Serve pages that are complete without scripts: galleries with many scripts, and articles with few images."""
    pictures: dict[str, list[str]] = {}
    for number in range(count):
        image_paths = [f"/whole/{number}-{place}.jpg" for place in range(6)]
        scripts = "".join(f"<script>var counted{place} = 1</script>" for place in range(6))
        body = LOREM + "".join(f'<img src="{image_path}">' for image_path in image_paths) + scripts
        site.page(f"/whole/{number}.html", SHELL.format(body, ""))
        pictures[f"/whole/{number}.html"] = image_paths
        image_paths = [f"/article/{number}.jpg"]
        site.page(f"/article/{number}.html", SHELL.format(f'{LOREM}<img src="{image_paths[0]}"><script>1</script>', ""))
        pictures[f"/article/{number}.html"] = image_paths
    for place, picture in enumerate(image_path for all_of in pictures.values() for image_path in all_of):
        site.image(picture, 1000 + place)
    return pictures


def page(site: Site, path: str, body: str, script: str, **more: object) -> None:
    """Serve a page with its script in a separate file."""
    script_path = f"{path.rpartition('.')[0]}.js"
    site.page(path, SHELL.format(body, f'<script src="{script_path}"></script>'), **more)
    site.routes[script_path] = Answer(script.encode(), media_type=SCRIPT)
