using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Samples.Tests;

/// <summary>One directory for one case.</summary>
internal sealed class DirectoryHarness : StoreHarness
{
    private readonly TestFolder _folder = new(inMemory: true);

    protected override IStore Open(TimeProvider time) => _folder.Open(time);

    protected override ValueTask CleanUpAsync()
    {
        _folder.Dispose();
        return default;
    }
}
