# SPDX-License-Identifier: Apache-2.0
"""AXI4 and AXI4-Lite as interface signatures, seen from the master.

Source: Arm, "AMBA AXI and ACE Protocol Specification", IHI 0022 (section numbers of issue E).
Signal names are the standard ones in lower case. Amaranth joins a port's path with two underscores,
so a member `axi` becomes axi__arvalid, axi__araddr ... in Verilog; verif/cocotb/axi.py hands them
to cocotbext-axi by that prefix and separator.
"""

from amaranth.hdl import Module
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from hw.config import DATA_WIDTHS

PAGE = 4096
"""Bytes; no burst crosses a multiple of it (A3.4.1)."""
BURST_BEATS = 256
"""Most beats of an INCR burst (A3.4.1)."""


class Burst(enum.Enum, shape=2):
    """AxBURST (A3.4.1)."""

    FIXED = 0
    INCR = 1
    WRAP = 2


class Response(enum.Enum, shape=2):
    """RRESP and BRESP (A3.4.4); SLVERR and DECERR are the errors."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}: it must be from {low} to {high}")


def _address_channel(prefix: str, address_width: int, id_width: int) -> dict[str, wiring.Member]:
    """Write or read address channel (A2.2, A2.5)."""
    fields = {
        "id": id_width,
        "addr": address_width,
        "len": 8,
        "size": 3,
        "burst": Burst,
        "lock": 1,
        "cache": 4,
        "prot": 3,
        "qos": 4,
        "valid": 1,
    }
    members = {f"a{prefix}{name}": Out(shape) for name, shape in fields.items()}
    return members | {f"a{prefix}ready": In(1)}


class _Axi4(wiring.Signature):
    def __init__(self, address_width: int, data_width: int, id_width: int, members) -> None:
        _check("address_width", address_width, 12, 64)
        _check("id_width", id_width, 1, 32)
        if data_width not in DATA_WIDTHS:
            raise ValueError(f"data_width is {data_width}: it must be 64, 128 or 256")
        self.address_width, self.data_width, self.id_width = address_width, data_width, id_width
        super().__init__(members)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.members == other.members

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.address_width}, {self.data_width}, "
            f"id_width={self.id_width})"
        )


class Axi4Read(_Axi4):
    """The channels AR and R of AXI4 (A2.5, A2.6).

    Parameters
    ----------
    address_width: 12..64. data_width: 64, 128 or 256. id_width: 1..32.

    Members
    -------
    arid, araddr, arlen, arsize, arburst, arlock, arcache, arprot, arqos, arvalid, rready: Out.
    arready, rid, rdata, rresp, rlast, rvalid: In.
    """

    def __init__(self, address_width: int, data_width: int, id_width: int = 1) -> None:
        members = _address_channel("r", address_width, id_width) | {
            "rid": In(id_width),
            "rdata": In(data_width),
            "rresp": In(Response),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        }
        super().__init__(address_width, data_width, id_width, members)


class Axi4Write(_Axi4):
    """The channels AW, W and B of AXI4 (A2.2, A2.3, A2.4).

    Parameters
    ----------
    address_width: 12..64. data_width: 64, 128 or 256. id_width: 1..32.

    Members
    -------
    awid, awaddr, awlen, awsize, awburst, awlock, awcache, awprot, awqos, awvalid: Out.
    wdata, wstrb, wlast, wvalid, bready: Out.
    awready, wready, bid, bresp, bvalid: In.
    """

    def __init__(self, address_width: int, data_width: int, id_width: int = 1) -> None:
        members = _address_channel("w", address_width, id_width) | {
            "wdata": Out(data_width),
            "wstrb": Out(data_width // 8),
            "wlast": Out(1),
            "wvalid": Out(1),
            "wready": In(1),
            "bid": In(id_width),
            "bresp": In(Response),
            "bvalid": In(1),
            "bready": Out(1),
        }
        super().__init__(address_width, data_width, id_width, members)


class Axi4(_Axi4):
    """All five channels: the members of Axi4Read and Axi4Write, parameters as there."""

    def __init__(self, address_width: int, data_width: int, id_width: int = 1) -> None:
        halves = [half(address_width, data_width, id_width) for half in (Axi4Read, Axi4Write)]
        members = {name: m for half in halves for name, m in half.members.items()}
        super().__init__(address_width, data_width, id_width, members)


class Axi4Lite(wiring.Signature):
    """AXI4-Lite with 32-bit data (B1.1): every access is one whole word, with byte strobes.

    Parameters
    ----------
    address_width: 2..64.

    Members
    -------
    awaddr, awprot, awvalid, wdata, wstrb, wvalid, bready: Out.
    araddr, arprot, arvalid, rready: Out.
    awready, wready, bresp, bvalid, arready, rdata, rresp, rvalid: In.
    """

    def __init__(self, address_width: int) -> None:
        _check("address_width", address_width, 2, 64)
        self.address_width = address_width
        super().__init__(
            {
                "awaddr": Out(address_width),
                "awprot": Out(3),
                "awvalid": Out(1),
                "awready": In(1),
                "wdata": Out(32),
                "wstrb": Out(4),
                "wvalid": Out(1),
                "wready": In(1),
                "bresp": In(Response),
                "bvalid": In(1),
                "bready": Out(1),
                "araddr": Out(address_width),
                "arprot": Out(3),
                "arvalid": Out(1),
                "arready": In(1),
                "rdata": In(32),
                "rresp": In(Response),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.members == other.members

    def __repr__(self) -> str:
        return f"Axi4Lite({self.address_width})"


def drive_constants(m: Module, axi, prefix: str) -> None:
    """What never changes on an address channel, `prefix` "ar" or "aw", of an INCR master.

    Whole beats; one identifier, so that all transactions stay in order (A5.3); normal non-cacheable
    bufferable memory (A4.4); unprivileged, secure data access (A4.7).
    """
    constants = {
        "id": 0,
        "size": (len(axi.rdata if prefix == "ar" else axi.wdata) // 8).bit_length() - 1,
        "burst": Burst.INCR,
        "lock": 0,
        "cache": 0b0011,
        "prot": 0,
        "qos": 0,
    }
    m.d.comb += [getattr(axi, prefix + name).eq(value) for name, value in constants.items()]
