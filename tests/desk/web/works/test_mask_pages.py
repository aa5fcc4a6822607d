"""What a work's page says of its caption and of a mark."""

from django.test import Client
from PIL import Image, ImageDraw

from registry.models import User, WorkPicture
from tests.assets.rows import jpeg, owner, register
from tests.assets.textured import textured
from workers.tasks.sync_runner import SyncRunner


def test_the_page_of_a_work_tells_of_its_caption_and_its_mark(inline: SyncRunner) -> None:
    studio, captioned = owner("studio"), Image.new("RGB", (480, 410), "white")
    captioned.paste(textured(51))
    ImageDraw.Draw(captioned).text((20, 370), "Lumen Photo Agency", fill="black", font_size=24)
    work = register(inline.services, studio, jpeg(captioned)).work
    WorkPicture.objects.update(marks=[[0.7, 0.8, 0.9, 1.0]])
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user)
    client.force_login(user)
    shown = client.get(f"/o/studio/works/{work.number}/").content.decode()
    assert "The lower 12% looks like a caption; it isn&#x27;t compared." in shown
    assert "Other works of this owner share 4% of it" in shown
