using System.Collections.Frozen;

namespace Conclave.Sqlite;

/// <summary>
/// Which file system a path is on. SQLite's WAL lives in memory that all processes map, and liveness in flock(2): both stop at the border of
/// the kernel, so a file that another kernel may open as well is refused.
/// </summary>
/// <remarks>Source: proc_pid_mountinfo(5); sqlite.org/wal.html, "all processes using a database must be on the same host computer".</remarks>
internal static class MountTable
{
    public const string Path = "/proc/self/mountinfo";

    private static readonly FrozenSet<string> Shared = FrozenSet.Create(StringComparer.Ordinal,
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "glusterfs", "lustre", "afs", "ocfs2", "gfs2", "beegfs", "gpfs",
        "orangefs", "pvfs2", "coda", "ncpfs", "vboxsf", "prl_fs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.ceph",
        "fuse.ceph-fuse", "fuse.gcsfuse", "fuse.juicefs", "fuse.goofys", "fuse.davfs", "fuse.davfs2", "fuse.mfs", "fuse.moosefs", "fuse.seaweedfs",
        "fuse.vmhgfs-fuse", "fuse.grpcfuse", "fuse.osxfs", "fuse.nfs", "fuse.smbnetfs", "fuse.beegfs", "fuse.blobfuse", "fuse.blobfuse2");

    /// <summary>The type of the file system that holds a path, if other machines may reach it too.</summary>
    /// <param name="mountInfo">The text of <see cref="Path"/>.</param>
    /// <param name="realPath">An absolute path without symbolic links.</param>
    /// <returns>The type, or null when the path is local or its mount is not known.</returns>
    public static string? FindShared(string mountInfo, string realPath)
    {
        string? type = null;
        int longest = -1;
        foreach (string line in mountInfo.Split('\n'))
        {
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-");
            if (separator < 6 || separator + 1 >= fields.Length)
            {
                continue;
            }

            string mountPoint = Unescape(fields[4]);

            // a later mount on the same point covers the earlier one
            if (mountPoint.Length >= longest && IsUnder(realPath, mountPoint))
            {
                (type, longest) = (fields[separator + 1], mountPoint.Length);
            }
        }

        return type is not null && Shared.Contains(type) ? type : null;
    }

    private static bool IsUnder(string path, string mountPoint) =>
        path.StartsWith(mountPoint, StringComparison.Ordinal)
        && (mountPoint.EndsWith('/') || path.Length == mountPoint.Length || path[mountPoint.Length] == '/');

    // space, tab, newline and backslash are written as three octal digits
    private static string Unescape(string field) => field
        .Replace("\\040", " ", StringComparison.Ordinal)
        .Replace("\\011", "\t", StringComparison.Ordinal)
        .Replace("\\012", "\n", StringComparison.Ordinal)
        .Replace("\\134", "\\", StringComparison.Ordinal);
}
