"""The spatial transformer against torch's own, and against where boxes say they are."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from air_core.spatial_transformer import centred_at, check_z_where, crop, pixel_boxes, place

SIDE, WINDOW = 50, 28


def poses(n: int, dtype: torch.dtype) -> torch.Tensor:
    """Random z_where (n, 3): small and large objects, many of them off the canvas."""
    generator = torch.Generator().manual_seed(0)
    scale = 0.2 + 5 * torch.rand(n, 1, generator=generator, dtype=dtype)
    return torch.cat([scale, 4 * torch.randn(n, 2, generator=generator, dtype=dtype)], 1)


def grid_sampled(image, scale, shift, n_out):
    """`image` (B, N, N) sampled by torch at scale * u + shift."""
    theta = torch.zeros(len(image), 2, 3, dtype=image.dtype)
    theta[:, 0, 0] = theta[:, 1, 1] = scale.squeeze(1)
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, (len(image), 1, n_out, n_out), align_corners=False)
    return F.grid_sample(image[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[
        :, 0
    ]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_place_and_crop_equal_grid_sample(dtype, tolerance):
    z_where = poses(200, dtype)
    scale, shift = z_where[:, :1], z_where[:, 1:]
    windows = torch.rand(200, WINDOW, WINDOW, dtype=dtype)
    images = torch.rand(200, SIDE, SIDE, dtype=dtype)
    placed = grid_sampled(windows, scale, shift, SIDE)
    cropped = grid_sampled(images, 1 / scale, -shift / scale, WINDOW)
    assert (place(windows, z_where, SIDE) - placed).abs().max() < tolerance
    assert (crop(images, z_where, WINDOW) - cropped).abs().max() < tolerance


def test_gradients():
    z_where = poses(4, torch.float64).requires_grad_()
    window = torch.rand(4, 5, 5, dtype=torch.float64, requires_grad=True)
    image = torch.rand(4, 9, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, z: place(w, z, 9), (window, z_where))
    assert torch.autograd.gradcheck(lambda i, z: crop(i, z, 5), (image, z_where))


@pytest.mark.parametrize("scale", [1.5, 2.0, 3.0, 4.5])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.6, -0.4), (-0.5, 0.3)])
def test_a_box_shaped_object_lies_where_its_box_says(scale, shift):
    z_where = torch.tensor([[scale, *shift]], dtype=torch.float64)
    painted = place(torch.ones(1, WINDOW, WINDOW, dtype=torch.float64), z_where, SIDE)[0].numpy()
    x, y, w, h = pixel_boxes(z_where, SIDE)[0].tolist()
    for profile, low, size in ((painted.max(0), x, w), (painted.max(1), y, h)):
        inside = np.flatnonzero(profile >= 0.5)
        assert abs(inside[0] - max(low, 0)) <= 0.5
        assert abs(inside[-1] + 1 - min(low + size, SIDE)) <= 0.5


def test_boxes_follow_the_convention():
    box = pixel_boxes(torch.tensor([2.0, 0.5, -1.0]), SIDE)
    side, centre = SIDE / 2, ((1 - 0.5 / 2) * SIDE / 2, (1 + 1 / 2) * SIDE / 2)
    torch.testing.assert_close(box, torch.tensor([centre[0] - side / 2, centre[1] - side / 2, side, side]))


def test_cropping_what_was_placed_gives_it_back():
    smooth = torch.linspace(0, 1, WINDOW)[:, None] * torch.linspace(1, 0, WINDOW)
    z_where = torch.tensor([[1.0, 0.0, 0.0]])
    again = crop(place(smooth[None], z_where, 4 * WINDOW), z_where, WINDOW)
    assert (again - smooth)[0, 2:-2, 2:-2].abs().max() < 0.02


def test_tiny_scales_are_clamped_in_programs_and_refused_from_people():
    window = torch.ones(1, 4, 4)
    assert torch.equal(
        place(window, torch.tensor([[-1.0, 0, 0]]), 8), place(window, torch.tensor([[0.1, 0, 0]]), 8)
    )
    for bad in ([0.05, 0.0, 0.0], [float("nan"), 0.0, 0.0], [1.0, 0.0]):
        with pytest.raises(ValueError, match="z_where"):
            check_z_where(torch.tensor([bad]))
    check_z_where(torch.tensor([[0.1, 5.0, -5.0]]))


def test_leading_dimensions_broadcast():
    z_where = poses(6, torch.float32).view(2, 3, 3)
    windows = torch.rand(2, 3, WINDOW, WINDOW)
    together = place(windows, z_where, SIDE)
    assert together.shape == (2, 3, SIDE, SIDE)
    torch.testing.assert_close(together[1, 2], place(windows[1, 2], z_where[1, 2], SIDE))
    assert crop(torch.rand(2, 1, SIDE, SIDE), z_where, WINDOW).shape == (2, 3, WINDOW, WINDOW)


def test_a_window_is_centred_where_it_is_told_to():
    z_where, place = (
        torch.tensor([[2.5, 0.0, 0.0], [3.0, 0.3, -0.6]]),
        torch.tensor([[0.5, -0.2], [0.0, 0.4]]),
    )
    box = pixel_boxes(centred_at(z_where, place), 50)
    offset = -z_where[:, 1:] / z_where[:, :1]
    torch.testing.assert_close(box[:, :2] + box[:, 2:] / 2, (place + offset + 1) * 25)
