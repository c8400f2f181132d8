using System.Runtime.InteropServices;
using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>What happens when the file is first opened after a reboot.</summary>
internal sealed partial class StoreFile
{
    // How far the revision moves at a reboot: commits of the last moments before a power loss may be lost, their revisions were seen.
    private const long RebootJump = 1L << 24;

    /// <summary>Compares the boot that the file knows with this one.</summary>
    private bool TryEnter(Incarnation current, string path)
    {
        var stored = StoredIncarnation();
        if (stored == current)
        {
            return true;
        }

        if (stored.Boot == current.Boot)
        {
            throw new StoreConfigurationException(
                $"'{path}' is in use from another time namespace ({stored.TimeNamespace}; this process is in {current.TimeNamespace}), " +
                "where the boot clock shows another time; run all its processes in one time namespace.");
        }

        if (!_connection.TryBeginImmediate(durable: true))
        {
            return false;
        }

        // whoever was first after the boot has done it
        if (StoredIncarnation() != current)
        {
            BeginEpoch(current);
        }

        Finish();
        return true;
    }

    // Nobody who held anything before the boot can still be running, so there is nothing to wait for.
    private void BeginEpoch(Incarnation current)
    {
        var gone = new List<string> { StoreNames.EpochKey };
        var held = _connection.Prepare("DELETE FROM entries WHERE session IS NOT NULL RETURNING key");
        while (held.Step())
        {
            gone.Add(held.Text(0));
        }

        _connection.Execute("DELETE FROM sessions");
        long revision = _journal.Append(CollectionsMarshal.AsSpan(gone), RebootJump);
        var entry = _entries.Get(StoreNames.EpochKey);
        long epoch = 0;
        if (entry.IsEmpty || (StoreEpoch.TryParse(entry[0].Value.Span, out epoch) && epoch < StoreEpoch.Max))
        {
            _entries.Put(Write.Put(StoreNames.EpochKey, StoreEpoch.ToValue(epoch + 1)), exists: !entry.IsEmpty, revision);
        }

        // an unreadable epoch stays as it is: every acquire says so until somebody puts it right, and for that the file must open
        var update = _connection.Prepare("INSERT OR REPLACE INTO meta(name, value) VALUES('incarnation', ?1)");
        update.Bind(1, current.ToString());
        update.Run();
    }

    private Incarnation StoredIncarnation() =>
        Incarnation.Parse(_connection.Execute("SELECT value FROM meta WHERE name = 'incarnation'") ?? "");
}
