using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave.Samples;

/// <summary>What one commit does to the files.</summary>
internal sealed class StoreChanges(long revision)
{
    private readonly List<string> _keys = [];

    /// <summary>The new content of each file; null deletes it.</summary>
    public Dictionary<string, byte[]?> Files { get; } = [];

    // <put>
    /// <summary>Every put changes the revision, also with equal bytes; what made the entry stays with it: its create revision and session.</summary>
    public void Put(Write write, Entry? old)
    {
        var entry = old is null
            ? new Entry(write.Key, write.Value, revision, revision, write.Session)
            : old with { Value = write.Value, Revision = revision };
        Files[FileNames.OfEntry(write.Key)] = FileContents.Of(entry);
        _keys.Add(write.Key);
    }
    // </put>

    public void Delete(string key)
    {
        Files[FileNames.OfEntry(key)] = null;
        _keys.Add(key);
    }

    /// <summary>A commit that changed an entry takes its revision, and says which keys it changed; keys hold no control characters.</summary>
    public void Close()
    {
        if (_keys.Count > 0)
        {
            string number = revision.ToString(CultureInfo.InvariantCulture);
            Files[FileNames.Revision] = Encoding.UTF8.GetBytes(number);
            Files[FileNames.OfChange(revision)] = Encoding.UTF8.GetBytes($"{number}\n{string.Join('\n', _keys)}");
        }
    }
}
