using Conclave.Sqlite;

namespace Conclave.Tests.Sqlite;

public sealed class MountTableTests
{
    private const string Mounts = """
        22 27 0:21 / /proc rw,relatime - proc proc rw
        27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
        40 27 0:50 / /home rw,relatime shared:7 master:2 - nfs4 server:/home rw,vers=4.2
        41 40 8:1 / /home/local rw,relatime - xfs /dev/sda1 rw
        42 27 0:51 / /mnt/my\040disk rw - cifs //server/share rw
        43 27 0:52 / /mnt/covered rw - nfs server:/x rw
        44 43 8:2 / /mnt/covered rw - ext4 /dev/sdb rw
        45 27 0:53 / /mnt/ssh rw - fuse.sshfs me@server: rw
        46 27 0:54 / /host rw - 9p drvfs rw
        47 27 0:55 / /share rw - virtiofs share rw
        48 27 0:56 / /mnt/ntfs rw - fuseblk /dev/sdc1 rw
        nonsense
        """;

    [Theory]
    [InlineData("/var/lib/a.db", null)]
    [InlineData("/a.db", null)]
    [InlineData("/home/me/a.db", "nfs4")]
    [InlineData("/homework/a.db", null)]
    [InlineData("/home/local/a.db", null)]
    [InlineData("/home/locals/a.db", "nfs4")]
    [InlineData("/mnt/my disk/a.db", "cifs")]
    [InlineData("/mnt/covered/a.db", null)]
    [InlineData("/mnt/ssh/deep/down/a.db", "fuse.sshfs")]
    [InlineData("/host/c/a.db", "9p")]
    [InlineData("/share/a.db", "virtiofs")]
    [InlineData("/mnt/ntfs/a.db", null)]
    public void A_path_that_other_machines_reach_is_recognized_by_its_mount(string path, string? type) =>
        Assert.Equal(type, MountTable.FindShared(Mounts, path));

    [Fact]
    public void Without_a_mount_table_everything_is_local() => Assert.Null(MountTable.FindShared("", "/home/a.db"));

    [Fact]
    public void The_usual_places_of_this_machine_are_local()
    {
        string mounts = File.ReadAllText(MountTable.Path);
        Assert.Null(MountTable.FindShared(mounts, Path.GetTempPath()));
        Assert.Null(MountTable.FindShared(mounts, AppContext.BaseDirectory));
    }
}
